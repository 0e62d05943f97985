"""Durable events, in a chain, and their replay. Knows events, not learners."""
