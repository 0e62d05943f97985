"""How large an input may be: one place for every way in, in the process and over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from quickstudy.api.checks import checked_label, checked_text, plain_record
from quickstudy.errors import InputError, LabelError, RecordError, SettingError
from quickstudy.types import Label

LARGEST = 1_000_000_000  # of any of the sizes
MOST = {"max_label": 1_000}  # longer ones are no labels
NUMBERS = (float, int, bool)
SHOWN = 20  # characters of a name that is too long


@dataclass(frozen=True, slots=True)
class Sizes:
    """Largest inputs that a store takes in. What is larger is refused before anything is logged.

    `quickstudy.open(path, sizes=Sizes(...))` sets them in the process; `quickstudy serve` has an
    option for each: --max-batch, --max-fields, --max-text, --max-numbers, --max-name, --max-label,
    --max-action.

    Attributes:
        max_batch: records, feedbacks or pins in one call, or one request.
        max_fields: of a record; also texts in one list.
        max_text: characters of a record that is a text, or of a text in one of its fields.
        max_numbers: of a record that is a vector, or of a vector in one of its fields.
        max_name: characters of the name of a field.
        max_label: characters of a label, at most 1,000.
        max_action: characters of the task of a run, or the action of one of its steps.

    Raises:
        SettingError: one of them is not a whole number of at least 1.

    >>> Sizes(max_text=10).record({"city": "Llanfairpwllgwyngyll"})
    Traceback (most recent call last):
    quickstudy.errors.RecordError: field 'city' has 20 characters; at most 10 are read (max_text)
    """

    max_batch: int = 1_000
    max_fields: int = 1_000
    max_text: int = 20_000
    max_numbers: int = 20_000
    max_name: int = 256
    max_label: int = 256
    max_action: int = 10_000

    def __post_init__(self) -> None:
        for field in fields(self):
            value, most = getattr(self, field.name), MOST.get(field.name, LARGEST)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
                what = f"use a whole number from 1 to {most:,}"
                raise SettingError(f"{field.name} is {value!r:.60}; {what}")

    def batch(self, name: str, items: Sequence[Any]) -> None:
        """Refuse an empty batch, or one that is too large.

        Raises:
            InputError: it is; names what there is too much of.
        """
        if not items:
            raise InputError(f"{name} is empty; give 1 to {self.max_batch} at once", field=name)
        if len(items) > self.max_batch:
            raise InputError(
                f"{name} has {len(items)} entries; give 1 to {self.max_batch} at once (max_batch)",
                field=name,
            )

    def glance(self, records: Sequence[Any]) -> None:
        """Refuse what is seen to be too large without reading it: entries, and fields of each.

        Raises:
            InputError, RecordError: it is; names what there is too much of.
        """
        self.batch("records", records)
        for record in records:
            if type(record) is dict:
                self._check_count(record)

    def record(self, x: Any) -> Any:
        """An input in JSON values, as the log keeps it.

        Raises:
            RecordError: it is too large, or a value has no place in JSON; names the field.
        """
        if type(x) is dict:  # before it is read: reading takes longer the more there are
            self._check_count(x)
        plain = plain_record(x)
        if isinstance(plain, dict):
            if type(x) is not dict:
                self._check_count(plain)
            self._check_fields(plain)
        elif isinstance(plain, str) and len(plain) > self.max_text:
            raise RecordError(f"field 'text' {self._too_long(plain)}", field="text")
        elif isinstance(plain, list):
            self._check_numbers("vector", plain)
        return plain

    def label(self, value: Any) -> Label:
        """A label.

        Raises:
            LabelError: it is too long, or cannot be one.
        """
        label = checked_label(value)
        if isinstance(label, str) and len(label) > self.max_label:
            raise LabelError(
                f"label '{label[:SHOWN]}...' has {len(label):,} characters; at most "
                f"{self.max_label:,} are read (max_label)"
            )
        return label

    def action(self, name: str, value: Any) -> str:
        """The action of a step, or the task of a run, by its name.

        Raises:
            InputError: it is too long, or no text.
        """
        if isinstance(value, str) and len(value) > self.max_action:
            raise InputError(
                f"{name} has {len(value):,} characters; at most {self.max_action:,} are read "
                "(max_action)",
                field=name,
            )
        return checked_text(name, value)

    def _check_fields(self, record: dict[str, Any]) -> None:
        longest = self.max_name
        for name, value in record.items():
            if len(name) > longest:
                raise RecordError(
                    f"field '{name[: min(SHOWN, longest)]}...' has a name of {len(name):,} "
                    f"characters; at most {longest:,} are read (max_name)",
                    field=name,
                )
            if type(value) in NUMBERS:  # most are, and this is asked of every field there is
                continue
            if isinstance(value, str):
                if len(value) > self.max_text:
                    raise RecordError(f"field '{name}' {self._too_long(value)}", field=name)
            elif isinstance(value, list) and value:
                if not isinstance(value[0], int | float):
                    self._check_texts(name, value)
                self._check_numbers(name, value)

    def _check_count(self, record: dict[Any, Any]) -> None:
        if len(record) > self.max_fields:
            raise RecordError(
                f"the record has {len(record):,} fields; at most {self.max_fields:,} are read "
                "(max_fields)",
                field="record",
            )

    def _check_numbers(self, name: str, values: list[Any]) -> None:
        if len(values) > self.max_numbers:
            raise RecordError(
                f"field '{name}' holds {len(values):,} numbers; at most {self.max_numbers:,} are "
                "read (max_numbers)",
                field=name,
            )

    def _check_texts(self, name: str, values: list[Any]) -> None:
        texts = [value for value in values if isinstance(value, str)]
        if len(texts) > self.max_fields:
            raise RecordError(
                f"field '{name}' holds {len(texts):,} texts; at most {self.max_fields:,} are read "
                "(max_fields)",
                field=name,
            )
        for text in texts:
            if len(text) > self.max_text:
                raise RecordError(
                    f"field '{name}' holds a text that {self._too_long(text)}", field=name
                )

    def _too_long(self, text: str) -> str:
        """That a text is too long."""
        return f"has {len(text):,} characters; at most {self.max_text:,} are read (max_text)"
