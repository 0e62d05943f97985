"""Records and labels between people and the learner: shown as text, read from text."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quickstudy.errors import LabelError, RecordError
from quickstudy.types import Label

SNIPPET = 140  # characters of a record in a list
LONG = 60  # characters from which a value gets lines of its own
NUMBERS_SHOWN = 8
LONGEST_LABEL = 200
WHOLE = re.compile(r"-?\d{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record to show."""

    name: str
    value: str
    long: bool
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A record to show: a text, or fields."""

    text: str = ""
    fields: tuple[Field, ...] = ()


def shown(record: Any) -> Shown:
    """A record as a person reads it."""
    if isinstance(record, str):
        return Shown(text=record)
    if isinstance(record, Mapping):
        return Shown(fields=tuple(_field(str(name), record[name]) for name in record))
    return Shown(text=value_text(record))


def value_text(value: Any) -> str:
    """One value as text.

    >>> value_text(True), value_text(None), value_text(3.0), value_text([0.1] * 384)
    ('yes', '–', '3', '0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, … (384 numbers)')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        head = ", ".join(value_text(v) for v in value[:NUMBERS_SHOWN])
        return f"{head}, … ({len(value)} numbers)" if len(value) > NUMBERS_SHOWN else head
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def snippet(record: Any, longest: int = SNIPPET) -> str:
    """A record on one line.

    >>> snippet({"amount": 3.5, "note": "two  words"})
    'amount 3.5 · note two words'
    >>> snippet({}), snippet({"note": ""})
    ('(empty)', 'note')
    """
    if isinstance(record, Mapping):
        parts = (f"{name} {value_text(v)}" for name, v in record.items() if v is not None)
        text = " · ".join(parts)
    else:
        text = value_text(record)
    text = " ".join(text.split()) or "(empty)"
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def as_typed(record: Any) -> str:
    """A record as one would type it in again."""
    return record if isinstance(record, str) else json.dumps(record, ensure_ascii=False, indent=2)


def read_record(text: str) -> Any:
    """What somebody typed or pasted: JSON if it opens like it, else a text.

    Raises:
        RecordError: it is empty, or opens like JSON and is broken.

    >>> read_record(' {"amount": 3} '), read_record("where is my card?")
    ({'amount': 3}, 'where is my card?')
    """
    text = text.strip()
    if not text:
        raise RecordError("type a text, or paste a record, first")
    if text[0] not in "{[":
        return text
    try:
        return json.loads(text)
    except RecursionError:
        raise RecordError("this JSON is nested too deeply") from None
    except json.JSONDecodeError as broken:
        raise RecordError(
            f"this opens like JSON, but line {broken.lineno}, column {broken.colno} "
            f"cannot be read: {broken.msg.lower()}"
        ) from None


def label_text(label: Label | None) -> str:
    """A label as people see it.

    >>> label_text("card"), label_text(3), label_text(True), label_text(None)
    ('card', '3', 'yes', 'nothing yet')
    """
    return "nothing yet" if label is None else value_text(label)


def label_code(label: Label) -> str:
    """A label as a form carries it: 1, true and "1" stay three labels."""
    return json.dumps(label, ensure_ascii=False)


def read_label(code: str, typed: str, known: Sequence[Label]) -> Label:
    """The label a form means: one that was chosen (`code`), or one that was typed.

    What is typed and looks like a known label is that label; else it is a new text.

    Raises:
        LabelError: neither is there, or it is too long.

    >>> read_label('1', "", ()), read_label("", "yes", (True, False)), read_label("", "7", (1, 2))
    (1, True, 7)
    >>> read_label("", "7", ("a",)), read_label("", "CARD", ("card",))
    ('7', 'card')
    """
    if code:
        return _decoded(code)
    typed = " ".join(typed.split())
    if not typed:
        raise LabelError("choose a label, or type a new one")
    if len(typed) > LONGEST_LABEL:
        raise LabelError(f"a label has at most {LONGEST_LABEL} characters, not {len(typed)}")
    exact = (label for label in known if label_text(label) == typed)
    folded = (label for label in known if label_text(label).casefold() == typed.casefold())
    return next(exact, next(folded, _new(typed, known)))


def _new(typed: str, known: Sequence[Label]) -> Label:
    """A label not seen before: a number where all others are numbers, else a text."""
    numbers = bool(known) and all(type(label) is int for label in known)
    return int(typed) if numbers and WHOLE.fullmatch(typed) else typed


def _decoded(code: str) -> Label:
    try:
        label = json.loads(code)
    except ValueError:
        raise LabelError(f"{code[:40]!r} is no label") from None
    if not isinstance(label, str | int):
        raise LabelError(f"{code[:40]!r} is no label: it must be a text, a whole number, yes or no")
    return label


def _field(name: str, value: Any) -> Field:
    text = value_text(value)
    return Field(name, text, long=len(text) > LONG or "\n" in text, missing=value is None)
