"""One column of a data file while it is read, and the fields that it becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, NoReturn
from uuid import UUID

from quickstudy.errors import DataFileError
from quickstudy.evaluate.data import lists, notation, times
from quickstudy.evaluate.data.files.source import Series, Source, option, shown
from quickstudy.evaluate.data.missing import Given, split_missing, without_words
from quickstudy.evaluate.data.options import ReadOptions


@dataclass
class FileContext:
    """A file, what the user says about it, and what a learner knows about its columns.

    Attributes:
        known: field -> type under which a learner knows it; a column is read as that if possible.
        forms: column -> its notation, for columns that do not show it: the decimal mark, what
            comes first in its dates, or their pattern. Columns that show it are added.
    """

    source: Source
    options: ReadOptions
    known: Mapping[str, str]
    forms: dict[str, str] = field(default_factory=dict)

    @cached_property
    def proved_mark(self) -> str:
        """The decimal mark of the columns in which there is no doubt, if they agree."""
        marks = {""}
        for series in self.source.columns.values():
            texts = [value for value in series.values if isinstance(value, str)]
            marks.add(notation.decides(without_words(split_missing(texts)).values))
        marks.remove("")
        return marks.pop() if len(marks) == 1 else ""


@dataclass(frozen=True, slots=True)
class Read:
    """The result of reading a column.

    Attributes:
        type: as the table of types shows it; "" for the type of the only field.
        fields: the values by field.
        given: number of values that are not missing.
        note: a remark on how the column was read.
    """

    type: str
    fields: dict[str, Series]
    given: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column of a file, by name, with its values."""

    file: FileContext
    name: str
    series: Series

    @property
    def wanted(self) -> str:
        """The type that the options name; "" if they name none."""
        return self.file.options.types.get(self.name, "")

    @property
    def known(self) -> str | None:
        """The type under which a learner knows the column."""
        return self.file.known.get(self.name)

    def one_field(self, given: Given, note: str = "") -> Read:
        """The column as one field."""
        count = len(given.values) - given.values.count(None)
        return Read("", {self.name: self.spread(given, given.values)}, count, note)

    def spread(self, given: Given, values: Sequence[Any]) -> Series:
        """The values at their places, with None in between."""
        out: list[Any] = [None] * len(self.series.values)
        for at, value in zip(given.at, values, strict=False):
            out[at] = value
        return Series(self.series.rows, out)

    def refuse(self, at: int, value: Any) -> NoReturn:
        """Raise the error about a value that no field can hold."""
        problem = "is not a finite number, a string, true/false or a list of finite numbers"
        if isinstance(value, int | float):
            problem = "is not a finite number within 1e100"
        self.refuse_column(at, value, problem)

    def refuse_column(self, at: int, value: Any, problem: str) -> NoReturn:
        """Raise an error that names a value and the option that leaves the column out."""
        remedy = f"{problem}; {option('--drop', self.name)} leaves the column out"
        self.reject(at, value, remedy)

    def reject(self, at: int, value: Any, problem: str) -> NoReturn:
        """Raise an error that names a value and its place."""
        place = self.file.source.where(self.series.rows[at], self.name)
        raise DataFileError(f"{place}: {shown(value)} {problem}")

    def check_length(self, given: Given) -> None:
        """Refuse a cell with more characters than the budget has bytes."""
        most = self.file.options.longest
        if all(isinstance(v, str) for v in given.values) and not any(
            len(v) > most for v in given.values
        ):
            return
        for at, value in zip(given.at, given.values, strict=True):
            if isinstance(value, str | bytes) and len(value) > most:
                place = self.file.source.where(self.series.rows[at], self.name)
                raise DataFileError(
                    f"{place}: has {len(value):,} characters; "
                    f"a cell may have {most:,}, as many as the budget has bytes: --budget-mb "
                    f"{-(-len(value) // 2**20)} reads it, {option('--drop', self.name)} "
                    "leaves it out"
                )


def count_as_missing(given: Given, bare: Given) -> None:
    """Add to `given.gone` the words that `bare` lacks and that mean missing among numbers."""
    given.gone.update(bare.gone - given.gone)


def all_text(values: Sequence[Any]) -> bool:
    """Whether all values are strings."""
    return all(isinstance(value, str) for value in values)


def plain_value(value: Any) -> Any:
    """A value of Arrow or Excel as one that a record can hold."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    return str(value) if isinstance(value, UUID) else value


def as_text(value: Any) -> str:
    """A value as the text of a category.

    >>> as_text(True), as_text([1, "a"])
    ('true', '1, a')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if lists.is_list(value):
        return ", ".join(map(as_text, value))
    if times.is_moment(value):
        return str(value.isoformat())
    return str(value)
