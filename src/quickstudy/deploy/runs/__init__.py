"""Runs: start, steps and end, for value learners."""
