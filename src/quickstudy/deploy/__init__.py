"""A learner on duty: predictions with ids, feedback that counts exactly once, a log behind it all."""
