"""Versions: the registry, who answers, and the exam."""
