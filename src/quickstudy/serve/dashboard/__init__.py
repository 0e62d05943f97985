"""The page: where people see how a learner does, and teach it."""

from quickstudy.serve.dashboard.mount import mount

__all__ = ["mount"]
