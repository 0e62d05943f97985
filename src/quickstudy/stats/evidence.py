"""Log evidence as the odds that people read."""

from __future__ import annotations

import math

MOST, LEAST = 1e6, 0.01  # odds that are told as a number


def odds(log_evidence: float) -> str:
    """Evidence against luck as odds, `x` of "x to 1".

    >>> odds(math.log(65.8)), odds(math.log(3.25)), odds(0.0), odds(-3.0), odds(500.0), odds(-500.0)
    ('66', '3.2', '1', '0.05', 'more than a million', 'less than 0.01')
    """
    if log_evidence > math.log(MOST):
        return "more than a million"
    value = math.exp(log_evidence)
    if value < LEAST:
        return f"less than {LEAST:g}"
    digits = 0 if value >= 10.0 else 1 if value >= 1.0 else 2
    return f"{value:,.{digits}f}".removesuffix(".0")
