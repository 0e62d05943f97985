"""Readers of message lists and of spans, one small table for each format."""
