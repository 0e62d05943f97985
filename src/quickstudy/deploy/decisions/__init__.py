"""Decisions: predict, feedback, disputes, expiry, and the labelling queue."""
