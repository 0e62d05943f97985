"""Honest scores: test-then-train, other libraries beside, and reports."""
