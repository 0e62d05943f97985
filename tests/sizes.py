"""Sizes so small that a test exceeds them with little, and a text that is too long for them."""

from quickstudy import Sizes

SMALL = Sizes(
    max_batch=3,
    max_fields=4,
    max_text=10,
    max_numbers=4,
    max_name=5,
    max_label=6,
    max_action=10,
)
LONG = "x" * 11
