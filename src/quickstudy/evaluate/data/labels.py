"""Labels of a file, in the types that the learner knows: 1, "1" and "1.0" are the same label."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from quickstudy import errors
from quickstudy.encode import values
from quickstudy.evaluate.data import times
from quickstudy.types import Label, label_key

WHOLE = re.compile(r"([+-]?\d+)(?:\.0+|,00?)")  # not 1,000, which may be a thousand
INTEGER = re.compile(r"[+-]?\d{1,18}")
UNPADDED = re.compile(r"[+-]?(?:0|[1-9]\d{0,17})")  # 007 is 7 only with --target-type
LEAST_PATTERN = 2  # known labels of one type from which on new labels get that type
FLAGS = {
    "true": True, "false": False, "1": True, "0": False, "yes": True, "no": False,
    "t": True, "f": False, "y": True, "n": False,
}  # fmt: skip
MISSING = frozenset({"", "nan"})
CAN_BE = "a label is a string, an integer or true/false"


class LabelError(ValueError):
    """A value that cannot be a label; the message says why."""


class LabelReader:
    """Gives labels the types of the labels that are known already.

    A known label keeps its type. A new label gets the type of the known ones if these are at least
    two, have one type, and the label can be read as that type; otherwise it is not changed.

    Args:
        known: labels that a learner knows.
        target_type: "str", "int" or "bool" for all labels; "" to follow the known labels.

    >>> reader = LabelReader([1, 2])
    >>> [reader.read(label) for label in ("1", "2.0", 1, "3", "other")]
    [1, 2, 1, 3, 'other']
    """

    def __init__(self, known: Iterable[Label] = (), target_type: str = "") -> None:
        self._type = target_type
        self._by_text: dict[str, list[Label]] = {}
        self._types: set[type] = set()
        self._count = 0
        self._read: dict[tuple[str, Any], Label] = {}
        self._met: dict[str, Label] = {}
        self._changed: list[tuple[Any, Label]] = []
        self._unclear: list[Label] = []
        self._padded: list[Label] = []
        for label in known:
            self._add(label)

    def read(self, value: Any) -> Label:
        """The label of a value.

        Raises:
            LabelError: the value is missing or cannot be a label.
        """
        if type(value) is str and (met := self._met.get(value)) is not None:
            return met
        plain = plain_label(_fraction(value) if self._type == "str" else value)
        place = label_key(plain)
        if place not in self._read:
            label = self._read[place] = self._typed(plain)
            if label_key(label) != place:
                self._changed.append((plain, label))
        if type(value) is str:
            self._met[value] = self._read[place]
        return self._read[place]

    @property
    def notes(self) -> list[str]:
        """Notes on labels that were read as others, that are ambiguous, or that stay text."""
        notes = []
        if self._changed:
            value, label = self._changed[0]
            more = len(self._changed) - 1
            others = f", and {more:,} more likewise" if more else ""
            why = f"by --target-type {self._type}" if self._type else "as it is known"
            notes.append(f"label {value!r:.60} is read as {label!r:.60}, {why}{others}")
        if self._unclear:
            label = self._unclear[0]
            notes.append(
                f"label {label!r:.60} is known in several types and taken as it is in the file: "
                "--target-type str, int or bool takes one"
            )
        if self._padded:
            notes.append(
                f"label {self._padded[0]!r:.60} stays text among integers, as leading zeros count: "
                "--target-type int reads it as one"
            )
        return notes

    def _add(self, label: Label) -> None:
        same = self._by_text.setdefault(text_of(label), [])
        if label_key(label) not in map(label_key, same):
            same.append(label)
            self._types.add(type(label))
            self._count += 1

    def _typed(self, plain: Label) -> Label:
        wanted = {"str": str, "int": int, "bool": bool}.get(self._type)
        if wanted is not None:
            plain = _as_type(plain, wanted)
        same = [y for y in self._by_text.get(text_of(plain), []) if wanted in (None, type(y))]
        if len(same) == 1:
            return same[0]
        if same:
            self._unclear.append(plain)
            exact = [label for label in same if type(label) is type(plain)]
            return exact[0] if exact else same[0]
        label = plain if wanted is not None else self._likely(plain)
        self._add(label)
        return label

    def _likely(self, plain: Label) -> Label:
        """A new label in the type of the known ones."""
        if self._count < LEAST_PATTERN or len(self._types) != 1:
            return plain
        (known,) = self._types
        if known is int and isinstance(plain, str) and UNPADDED.fullmatch(text_of(plain)):
            return int(text_of(plain))
        if known is int and isinstance(plain, str) and INTEGER.fullmatch(plain):
            self._padded.append(plain)
        if known is str and not isinstance(plain, str):
            return text_of(plain)
        return plain


def text_of(label: Label) -> str:
    """The text of a label: equal for 1, "1" and "1.0", and for True and "true".

    >>> text_of(True), text_of("2.0"), text_of("2,0"), text_of("02")
    ('true', '2', '2', '02')
    """
    if not isinstance(label, str):
        return str(label).lower()
    if label.lower() in ("true", "false"):
        return label.lower()
    whole = WHOLE.fullmatch(label)
    return whole[1] if whole else label


def _fraction(value: Any) -> Any:
    """The value; a finite number that is not whole becomes text."""
    if isinstance(value, float | Decimal) and math.isfinite(value) and value != int(value):
        return str(value)
    return value


def plain_label(value: Any) -> Label:
    """A value of a file as a label; text is in composed Unicode form with single spaces.

    Raises:
        LabelError: the value is missing or cannot be a label.
    """
    if value is None or (isinstance(value, str) and value.strip().lower() in MISSING):
        raise LabelError("the label is missing; give it one, or take the row out")
    if isinstance(value, str | bool | int):
        try:
            return values.plain_label(value)
        except errors.LabelError as refused:
            raise LabelError(str(refused)) from None
    if isinstance(value, float | Decimal):
        value = float(value)
        if value != value:
            raise LabelError(f"the label is NaN; {CAN_BE}")
        if abs(value) < 2**63 and int(value) == value:
            return int(value)
        raise LabelError(f"{value!r} cannot be a label; {CAN_BE}: --target-type str")
    if times.is_moment(value):
        return str(value.isoformat())
    raise LabelError(f"{value!r:.60} cannot be a label; {CAN_BE}")


def _as_type(label: Label, wanted: type) -> Label:
    if wanted is str:
        return label if isinstance(label, str) else text_of(label)
    text = text_of(label)
    if wanted is bool and text.lower() in FLAGS:
        return FLAGS[text.lower()]
    if wanted is int and INTEGER.fullmatch(text):
        return int(text)
    raise LabelError(f"{label!r:.60} cannot be read as {wanted.__name__}: --target-type str can")


def labels_of(values: Sequence[Any], target_type: str = "") -> list[Label]:
    """Labels converted to another type; labels that cannot be converted are not changed.

    >>> labels_of([1, True, "a"], "str")
    ['1', 'true', 'a']
    """
    if not target_type:
        return list(values)
    wanted = {"str": str, "int": int, "bool": bool}[target_type]
    out: list[Label] = []
    for value in values:
        try:
            out.append(_as_type(value, wanted))
        except LabelError:
            out.append(value)
    return out
