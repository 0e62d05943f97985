"""Figures, times and shares as people read them."""

from __future__ import annotations

import math
import time

from quickstudy.stats.evidence import odds

SPACE = "\N{NO-BREAK SPACE}"
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


def count(n: float) -> str:
    """A whole number with its thousands apart.

    >>> count(12345)
    '12,345'
    """
    return f"{n:,.0f}"


def percent(share: float | None, digits: int = 0) -> str:
    """A share as percent, on one line; never 0 or 100 for what is neither.

    >>> shares = [percent(share) for share in (0.5, 0.9996, 0.0004, 1.0, None)]
    >>> [text.replace(SPACE, " ") for text in shares]
    ['50 %', '> 99 %', '< 1 %', '100 %', '–']
    """
    if share is None or not math.isfinite(share):
        return "–"
    text = f"{100 * share:.{digits}f}"
    step = 10.0**-digits
    if share < 1.0 and float(text) >= 100.0:
        text = f">{SPACE}{100 - step:.{digits}f}"
    elif share > 0.0 and float(text) == 0.0:
        text = f"<{SPACE}{step:.{digits}f}"
    return f"{text}{SPACE}%"


def odds_to_one(log_evidence: float) -> str:
    """Evidence as odds against luck.

    >>> odds_to_one(math.log(33)), odds_to_one(-3.0)
    ('33 to 1', '0.05 to 1')
    """
    return f"{odds(log_evidence)} to 1"


def sentence(text: str) -> str:
    """A message as a sentence of its own.

    >>> sentence("there is no learner 'x'")
    "There is no learner 'x'."
    """
    text = text.strip()
    end = "" if text.endswith((".", "!", "?", "…", ":")) else "."
    return f"{text[:1].upper()}{text[1:]}{end}"


def plural(n: int, one: str, many: str = "") -> str:
    """A number with its noun.

    >>> plural(1, "case"), plural(1200, "case"), plural(2, "reply", "replies")
    ('1 case', '1,200 cases', '2 replies')
    """
    return f"{count(n)} {one if n == 1 else many or one + 's'}"


def ago(then: float, now: float | None = None) -> str:
    """How long ago, roughly.

    >>> ago(0.0, 3.0), ago(0.0, 90.0), ago(0.0, 7300.0), ago(0.0, 200_000.0)
    ('just now', '1 minute ago', '2 hours ago', '2 days ago')
    """
    passed = (time.time() if now is None else now) - then
    if passed < 10.0:
        return "just now"
    return f"{duration(passed)} ago"


def duration(seconds: float) -> str:
    """A stretch of time in its largest whole unit.

    >>> duration(45), duration(604_800)
    ('45 seconds', '7 days')
    """
    for unit, name in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        if seconds >= unit:
            return plural(int(seconds / unit), name)
    return plural(int(seconds), "second")


def stamp(then: float) -> str:
    """A time that machines read, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(then))


def moment(then: float) -> str:
    """A time in words, in UTC; the browser turns it into the reader's own."""
    return time.strftime("%-d %b %Y, %H:%M UTC", time.gmtime(then))
