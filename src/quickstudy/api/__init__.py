"""The public types: what callers send to a deployment and what it returns."""
