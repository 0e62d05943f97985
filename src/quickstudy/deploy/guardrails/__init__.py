"""Guardrails: autonomy, limits, rules and pause."""
