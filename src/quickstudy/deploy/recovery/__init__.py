"""Recovery: state from snapshots and the log."""
