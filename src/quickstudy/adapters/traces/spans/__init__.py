"""Spans of instrumented agents: read, understood by their conventions, told once."""
