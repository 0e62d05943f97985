"""Hosted learners: predictions with ids, feedback that counts exactly once, and the log."""
