"""The columns of a data file before their types are known, with the place of every value."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quickstudy.errors import DataFileError
from quickstudy.evaluate.data.columns import Column
from quickstudy.evaluate.data.missing import split_missing

UNNAMED = re.compile(r"|Unnamed: \d+(_level_\d+)?(\.\d+)?|\.\.\.\d+|__index_level_\d+__")
NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")
WHOLE = re.compile(r"[+-]?\d{1,18}")
LONGEST_SHOWN = 40


@dataclass(slots=True)
class Series:
    """The values of one column and their rows, in order."""

    rows: Sequence[int]
    values: list[Any]

    def add(self, row: int, value: Any) -> None:
        """Append a value; only for a series whose rows are a list."""
        assert isinstance(self.rows, list)
        self.rows.append(row)
        self.values.append(value)


@dataclass(slots=True)
class Source:
    """A file as it was read: its columns and notes about them.

    Attributes:
        path: of the file.
        unit: name of a row in messages: "line", "row" or "item".
        places: number of the line (row, item) of each row.
        columns: values by column, in file order.
        total: rows of the whole file, also if only the first are read.
        textual: all values are text, and their types must be found (delimited text).
        loose: values have types, but text may still stand for numbers or times (Excel).
        separator: between cells, "" for none.
        doubled: renamed column -> its name in the file.
        left_out: columns that do not become fields, with the reason as note.
        notes: remarks on the file as a whole, one line each.
    """

    path: Path
    unit: str
    places: Sequence[int]
    columns: dict[str, Series]
    total: int = 0
    textual: bool = False
    loose: bool = False
    separator: str = ""
    doubled: dict[str, str] = field(default_factory=dict)
    left_out: list[Column] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.places)

    @property
    def looks_headless(self) -> bool:
        """Whether most column names are numbers, as in a file without header."""
        numbers = [name for name in self.columns if NUMBER.fullmatch(name)]
        return len(numbers) > len(self.columns) / 2 and self.textual

    def where(self, row: int, name: str | None = None) -> str:
        """The place of a value, for messages."""
        column = "" if name is None else f", column {name!r}"
        return f"{self.path}: {self.unit} {self.places[row]}{column}"


def shown(value: Any) -> str:
    """A value, shortened for messages.

    >>> shown("a" * 99)
    "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa..."
    """
    text = repr(value[: 2 * LONGEST_SHOWN] if isinstance(value, str | bytes) else value)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."


def option(name: str, value: str) -> str:
    """An option with its value, quoted for a shell.

    >>> option("--drop", "two words")
    "--drop 'two words'"
    """
    if name == "--drop" and "," in value:  # --drop splits its value at commas
        return option("--type", f"{value}=ignore")
    return f"{name} {shlex.quote(value)}"


def clean_name(name: str) -> str:
    """A column name in composed Unicode form, printable and stripped.

    >>> clean_name(" height\\n(cm) ")
    'height (cm)'
    """
    composed = " ".join(unicodedata.normalize("NFC", name).split())
    return "".join(letter for letter in composed if letter.isprintable())


def distinct_names(names: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    """Distinct names, and a map of the changed ones to the original names.

    >>> distinct_names(["a", "a", "b", "a_2"])
    (['a', 'a_3', 'b', 'a_2'], {'a_3': 'a'})
    """
    given = list(names)
    taken, out, changed = set(given), [], {}
    met: set[str] = set()
    for name in given:
        fresh, count = name, 2
        while fresh in met or (fresh != name and fresh in taken):
            fresh, count = f"{name}_{count}", count + 1
        if fresh != name:
            changed[fresh] = name
        met.add(fresh)
        out.append(fresh)
    return out, changed


def settle_columns(source: Source, heads: Sequence[str], columns: Sequence[list[Any]]) -> None:
    """Name the columns of a table; leave out an unnamed index and wholly empty columns.

    A repeated name gets `_2`; an unnamed column with values is named after its position.
    """
    names: list[str] = []
    kept: list[list[Any]] = []
    leading = True  # an index comes before the fields
    for place, (head, values) in enumerate(zip(heads, columns, strict=True), start=1):
        name = clean_name(head)
        reason = ""
        if UNNAMED.fullmatch(name):
            given = split_missing(values).values
            if not given:
                reason = "has no name and no values"
            elif leading or name.startswith("__"):
                reason = _index(given, len(values))
            example = "" if not given else str(given[0])
            if reason:
                left = Column(name or "(no name)", "left out", len(values) - len(given), example)
                source.left_out.append(left.with_note(reason))
                continue
            source.notes.append(f"column {place} has no name: it is called column_{place}")
            name = f"column_{place}"
        leading = False
        names.append(name)
        kept.append(values)
    unique, source.doubled = distinct_names(names)
    for new, old in source.doubled.items():
        source.notes.append(f"two columns are called {old!r}: the later one is called {new!r}")
    rows = range(len(source))
    source.columns = {name: Series(rows, values) for name, values in zip(unique, kept, strict=True)}


def _index(given: Sequence[Any], count: int) -> str:
    """Why a column is an index (distinct whole numbers); "" if it is not one."""
    if len(given) < count or not all(_whole(value) for value in given):
        return ""
    numbers = [int(value) for value in given]
    if numbers in (list(range(count)), list(range(1, count + 1))):
        return f"an index: no name, and counts up from {numbers[0]}"
    return (
        "an index: no name, and whole numbers that are all different"
        if _all_differ(numbers)
        else ""
    )


def _whole(value: Any) -> bool:
    if isinstance(value, str):
        return bool(WHOLE.fullmatch(value))
    return isinstance(value, int) and not isinstance(value, bool)


def _all_differ(numbers: Sequence[int]) -> bool:
    return len(set(numbers)) == len(numbers)


class Flattened:
    """Columns built from records; a nested object becomes fields like `a.b`.

    Raises:
        DataFileError: two paths of a record give the same name, or it is nested too deeply.
    """

    DEEPEST = 32

    def __init__(self, path: Path, unit: str) -> None:
        self._places: list[int] = []
        self._names: dict[str, str] = {}
        self.source = Source(path, unit, self._places, columns={})

    def add(self, place: int, record: dict[str, Any]) -> None:
        """Append a row."""
        row = len(self._places)
        self._places.append(place)
        self._put(row, record, "", self.DEEPEST)

    def _put(self, row: int, record: dict[str, Any], prefix: str, depth: int) -> None:
        for key, value in record.items():
            spelled = prefix + key
            name = self._names.get(spelled)
            if name is None:
                name = self._names[spelled] = clean_name(spelled)
            if isinstance(value, dict):
                if not depth:
                    raise DataFileError(
                        f"{self.source.where(row)}: objects are nested more than {self.DEEPEST} "
                        f"deep; leave them out with {option('--drop', name.partition('.')[0])}"
                    )
                self._put(row, value, f"{name}.", depth - 1)
                continue
            series = self.source.columns.get(name)
            if series is None:
                series = self.source.columns[name] = Series([], [])
            if series.rows and series.rows[-1] == row:
                raise DataFileError(
                    f"{self.source.where(row, name)}: comes twice, once as a name with a dot and "
                    f"once inside an object; rename one, or {option('--drop', name)}"
                )
            series.add(row, value)
