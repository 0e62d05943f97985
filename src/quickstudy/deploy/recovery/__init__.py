"""Recovery: the state of learners from snapshots and the log."""
