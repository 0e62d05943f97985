"""Crash tests: real processes, real SIGKILL, real files; see `benchmarks/durability.py`."""
