"""Promotion: challengers, shadows, and the gate."""
