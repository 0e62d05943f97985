"""Rows that a learner is taught in the contracts of both ends."""

ROWS = [
    ({"height": h, "colour": c}, "up" if h > 0 else "down") for h in (-2, -1, 1, 2) for c in "ab"
]
