"""Limits as somebody types them: every field keeps what was typed, and what is wrong with it."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from starlette.datastructures import FormData

from quickstudy.api.guardrails import Allowed, Limits
from quickstudy.deploy.guardrails.rules import parse
from quickstudy.errors import LabelError, QuickstudyError, SettingError
from quickstudy.serve.dashboard.base import forms
from quickstudy.serve.dashboard.base.records import label_text, read_label
from quickstudy.types import Label

NAMED = tuple(field.name for field in fields(Limits))
NUMBER = re.compile(r"\d{1,12}(?:[.,]\d{1,6})?", re.ASCII)


@dataclass(slots=True)
class Entry:
    """What stands in a field, or in two that belong together, and what is wrong with it."""

    text: str = ""
    other: str = ""
    problem: str = ""

    def __bool__(self) -> bool:
        return bool(self.text or self.other)


@dataclass(slots=True)
class Draft:
    """A form of limits. `allowed`: (when, labels); `costs`: (label, cost)."""

    never: list[Entry] = field(default_factory=list)
    allowed: list[Entry] = field(default_factory=list)
    costs: list[Entry] = field(default_factory=list)
    per_minute: Entry = field(default_factory=Entry)
    spend_per_day: Entry = field(default_factory=Entry)
    problem: str = ""

    def entries(self) -> list[Entry]:
        """Every field that holds something."""
        every = [*self.never, *self.allowed, *self.costs, self.per_minute, self.spend_per_day]
        return [entry for entry in every if entry]

    def blame(self, error: QuickstudyError) -> None:
        """Put a message beside the field that it is about; above the form if that is not known."""
        name, *rest = (error.field or "").split(".")
        found: Entry | list[Entry] = getattr(self, name) if name in NAMED else []
        if isinstance(found, Entry):
            found.problem = str(error)
        elif rest and rest[0].isdecimal() and int(rest[0]) < len(found):
            found[int(rest[0])].problem = str(error)
        else:
            self.problem = str(error)


def drafted(limits: Limits) -> Draft:
    """Limits as a form shows them."""
    return Draft(
        never=[Entry(rule) for rule in limits.never],
        allowed=[Entry(a.when, labels_text(a.labels)) for a in limits.allowed],
        costs=[Entry(label_text(label), f"{cost:g}") for label, cost in limits.costs],
        per_minute=Entry(_shown(limits.per_minute)),
        spend_per_day=Entry(_shown(limits.spend_per_day)),
    )


def typed(form: FormData) -> Draft:
    """What came with the form; rows that are empty are left out."""

    def pairs(first: str, second: str) -> list[Entry]:
        both = zip(forms.fields(form, first), forms.fields(form, second), strict=False)
        return [Entry(a, b) for a, b in both if a or b]

    return Draft(
        never=[Entry(rule) for rule in forms.fields(form, "never") if rule],
        allowed=pairs("when", "labels"),
        costs=pairs("cost_label", "cost"),
        per_minute=Entry(forms.field(form, "per_minute").strip()),
        spend_per_day=Entry(forms.field(form, "spend_per_day").strip()),
    )


def read_draft(draft: Draft, known: Sequence[Label]) -> Limits | None:
    """The limits that a draft means; None if a field cannot be read, which then says why."""
    for entry in (*draft.never, *(e for e in draft.allowed if e.text)):
        _check_rule(entry)
    allowed = [_allowed(entry, known) for entry in draft.allowed]
    costs = [_cost(entry, known) for entry in draft.costs]
    rate, spend = _number(draft.per_minute), _number(draft.spend_per_day)
    if rate is not None and rate != int(rate):
        draft.per_minute.problem = "Use a whole number."
    if any(entry.problem for entry in draft.entries()):
        return None
    return Limits(
        never=tuple(entry.text for entry in draft.never),
        allowed=tuple(a for a in allowed if a is not None),
        per_minute=None if rate is None else int(rate),
        costs=tuple(c for c in costs if c is not None),
        spend_per_day=spend,
    )


def labels_text(labels: Sequence[Label]) -> str:
    """Labels in one line, with commas between them.

    >>> print(labels_text(("card", 7, "lost, or gone")))
    card, 7, "lost, or gone"
    """
    texts = [label_text(label) for label in labels]
    quoted = [f'"{t.replace(chr(34), 2 * chr(34))}"' if set(t) & set(',"') else t for t in texts]
    return ", ".join(quoted)


def _check_rule(entry: Entry) -> None:
    try:
        parse(entry.text)
    except SettingError as error:
        entry.problem = str(error).removeprefix("rule: ")


def _allowed(entry: Entry, known: Sequence[Label]) -> Allowed | None:
    if not entry.text:
        entry.problem = "Say when this holds."
        return None
    try:
        names = next(csv.reader([entry.other], skipinitialspace=True, strict=True), [])
        labels = tuple(read_label("", name, known) for name in names if name.strip())
    except LabelError as error:
        entry.problem = str(error)
        return None
    except csv.Error:
        entry.problem = "Put commas between labels, and quotes around one that has a comma itself."
        return None
    return Allowed(entry.text, labels)


def _cost(entry: Entry, known: Sequence[Label]) -> tuple[Label, float] | None:
    cost = _number(entry, entry.other)
    if not entry.text:
        entry.problem = "Say which label costs this."
    elif cost is None and not entry.problem:
        entry.problem = "Say what it costs."
    if entry.problem or cost is None:
        return None
    try:
        return read_label("", entry.text, known), cost
    except LabelError as error:
        entry.problem = str(error)
        return None


def _number(entry: Entry, text: str | None = None) -> float | None:
    """A number of 0 or more, None for an empty field."""
    text = entry.text if text is None else text
    if not text:
        return None
    if NUMBER.fullmatch(text) is None:
        entry.problem = f"{text[:40]!r} is no number of 0 or more."
        return None
    return float(text.replace(",", "."))


def _shown(number: float | None) -> str:
    return "" if number is None or not math.isfinite(number) else f"{number:.12g}"
