"""Evaluation: test-then-train scores of our learners and of other libraries, and reports."""
