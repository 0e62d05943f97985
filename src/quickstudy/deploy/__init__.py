"""A learner on duty: predictions with ids, feedback that counts exactly once, and the log."""
