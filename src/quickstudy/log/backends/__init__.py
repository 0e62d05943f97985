"""Databases that hold a log."""
