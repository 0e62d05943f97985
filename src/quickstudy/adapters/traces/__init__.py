"""Readers of message lists and spans; each format is a small table."""
