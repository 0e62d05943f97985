"""Durable events in a hash chain, and their replay. The package knows events, not learners."""
