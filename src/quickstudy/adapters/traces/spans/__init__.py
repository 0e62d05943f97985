"""Readers of the spans of instrumented agents, by the conventions that the spans follow."""
