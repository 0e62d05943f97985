"""The fields that a column of a data file becomes: its type is found by all that it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, NoReturn
from uuid import UUID

from quickstudy.encode.parsing import LARGEST
from quickstudy.errors import DataFileError
from quickstudy.evaluate.data import lists, notation, times
from quickstudy.evaluate.data.columns import Column, column_of, shortened
from quickstudy.evaluate.data.files.source import Series, Source, option, shown
from quickstudy.evaluate.data.missing import (
    Given,
    joined,
    spelled,
    split_missing,
    without_words,
)
from quickstudy.evaluate.data.options import ReadOptions

BOOLEANS = {"true": True, "false": False}
MOSTLY = 0.9  # a column with this share of numbers is told apart from words in its remark


@dataclass(frozen=True, slots=True)
class Read:
    """A column as it was read: its type ("": that of its one field), fields, and a remark.

    `given` is how many values are there.
    """

    type: str
    fields: dict[str, Series]
    given: int
    note: str = ""


class FieldReader:
    """Reads the columns of one file.

    Args:
        known: field -> type under which a learner knows it; a column is read so where it can be.
        forms: column -> how it was written where the learner met it, for a column that leaves it
            open: the mark before its decimals, what comes first in its dates, or their pattern.

    Attributes:
        forms: the same of the columns that were read, where they tell.
    """

    def __init__(
        self,
        source: Source,
        options: ReadOptions,
        known: Mapping[str, str],
        forms: Mapping[str, str] | None = None,
    ) -> None:
        self.source, self.options, self.known = source, options, known
        self.forms = dict(forms or {})

    def read(self, name: str) -> tuple[Column, dict[str, Series]]:
        """A column for the table of types, and its fields.

        Raises:
            DataFileError: a value is none that a field can hold; names its place and the remedy.
        """
        series = self.source.columns[name]
        given = split_missing(series.values)
        self._check_length(name, series, given)
        read = self._typed(name, series, given)
        note = joined([read.note, spelled(given.gone)])
        if name in read.fields:
            column = column_of(name, read.fields[name].values)
            kind, example = read.type or column.type, column.example
        else:
            there = without_words(given).values
            first = next((v for v in there if not lists.is_list(v) or v), "")
            kind, example = read.type, shortened(first)
        return Column(name, kind, len(self.source) - read.given, example, note), read.fields

    def _main(self, name: str, series: Series, given: Given, note: str = "") -> Read:
        """A column that is one field."""
        count = len(given.values) - given.values.count(None)
        return Read("", {name: _spread(series, given, given.values)}, count, note)

    def _typed(self, name: str, series: Series, given: Given) -> Read:
        wanted = self.options.types.get(name, "")
        if wanted == "number":
            return self._numbers_or_refuse(name, series, given)
        if wanted in ("category", "text"):
            texts = replace(given, values=list(map(_as_text, given.values)))
            return replace(self._main(name, series, texts), type=wanted)
        if wanted == "tags":
            return self._tags_or_refuse(name, series, given)
        if wanted.startswith("datetime"):
            return self._times_or_refuse(name, series, given, wanted.partition(":")[2])
        if not given.values and self._tags_known(name) and not self.source.textual:
            return self._tags(name, series, given)
        if not given.values:
            return Read("missing", {name: _spread(series, given, [])}, 0)
        if self.source.textual or (self.source.loose and _all_text(given.values)):
            return self._cells(name, series, given)
        return self._values(name, series, given)

    def _cells(self, name: str, series: Series, given: Given) -> Read:
        """Text cells of unknown type: numbers, true and false, times, lists, else strings."""
        known = self.known.get(name)
        if known in ("category", "text"):
            return self._main(name, series, given)
        numbers = self._converted(name, given)
        codes = "" if numbers is None or known == "number" else notation.why_codes(given.values)
        if codes:
            words = f"words, as {codes} (else: {option('--type', f'{name}=number')})"
            return self._main(name, series, given, words)
        if numbers is not None:
            return self._number_field(name, series, *numbers)
        bare = without_words(given)
        if bare.values and all(cell.lower() in BOOLEANS for cell in bare.values):
            _adopt(given, bare)
            flags = [BOOLEANS[cell.lower()] for cell in bare.values]
            return self._main(name, series, replace(bare, values=flags))
        moments = self._spelled_times(name, series, bare)
        if moments is not None:
            _adopt(given, bare)
            return moments
        spelled_out = lists.spelled_lists(given.values)
        if spelled_out is not None:
            return self._lists(name, series, replace(given, values=spelled_out))
        if known == "number":
            return self._some_numbers(name, series, given)
        return self._main(name, series, given, _nearly(given.values))

    def _values(self, name: str, series: Series, given: Given) -> Read:
        """Values that have a type: of JSON, Arrow or Excel."""
        given = replace(given, values=[_plain(value) for value in given.values])
        if any(map(lists.is_list, given.values)):
            return self._lists(name, series, given)
        moments = list(map(times.is_moment, given.values))
        if all(moments):
            return self._time_fields(name, series, given)
        if any(moments):
            given = replace(given, values=[_as_text(v) for v in given.values])
        texts = [value for value in given.values if isinstance(value, str)]
        if len(texts) == len(given.values):
            read = None if name in self.known else self._spelled_times(name, series, given)
            return read or self._main(name, series, given)
        codes = self.known.get(name) != "number" and notation.why_codes(texts)
        flags = any(isinstance(value, bool) for value in given.values)
        numbers = None if codes or flags else self._converted(name, given)
        return self._number_field(name, series, *(numbers or (given, "")))

    def _marks(self, name: str, cells: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Decimal marks for a column that leaves it open, with the reason, best first."""
        if self.options.decimal:
            yield self.options.decimal, "--decimal"
        if self.forms.get(name) in (".", ","):
            yield self.forms[name], "as learned before"
        if self._proved:
            yield self._proved, "as other columns show"
        if self.source.separator == ";" and any("," in cell for cell in cells):
            yield ",", "as ; parts the cells"
        yield ".", notation.BY_DEFAULT

    @cached_property
    def _proved(self) -> str:
        """The decimal mark of the columns in which there is no doubt, if they agree."""
        marks = {""}
        for series in self.source.columns.values():
            texts = [value for value in series.values if isinstance(value, str)]
            marks.add(notation.decides(without_words(split_missing(texts)).values))
        marks.remove("")
        return marks.pop() if len(marks) == 1 else ""

    def _choose(self, name: str, cells: Sequence[str]) -> notation.Choice | None:
        return notation.choose(cells, self._marks(name, cells))

    def _number_field(self, name: str, series: Series, given: Given, note: str) -> Read:
        if not _all_fit(given.values):
            for at, value in zip(given.at, given.values, strict=True):
                if not isinstance(value, str) and not _fits(value):
                    self._refuse(name, series, at, value)
        if not notation.keeps_digits(given.values):
            words = option("--type", f"{name}=category")
            note = joined([note, f"some have more digits than a number keeps (else: {words})"])
        return self._main(name, series, given, note)

    def _converted(self, name: str, given: Given) -> tuple[Given, str] | None:
        """Numbers of which some or all are spelled as text; None where others are among them."""
        bare = without_words(given)
        cells = [value for value in bare.values if isinstance(value, str)]
        chosen = self._choose(name, cells) if cells else None
        if not bare.values or (cells and chosen is None):
            return None
        _adopt(given, bare)
        if chosen is None:
            return bare, ""
        if chosen.sure and any("." in cell or "," in cell for cell in cells):
            self.forms[name] = chosen.notation.decimal
        number = chosen.number
        values = [number(v) if isinstance(v, str) else v for v in bare.values]
        return replace(bare, values=values), chosen.note

    def _numbers_or_refuse(self, name: str, series: Series, given: Given) -> Read:
        values = [float(v) if isinstance(v, bool | Decimal) else v for v in given.values]
        given = replace(given, values=values)
        bare = without_words(given)
        read = self._converted(name, given)
        if read is not None:
            return replace(self._number_field(name, series, *read), type="number")
        if not bare.values:
            _adopt(given, bare)
            return Read("number", {name: _spread(series, bare, [])}, 0)
        other = option("--type", f"{name}=category")
        for at, value in zip(bare.at, bare.values, strict=True):
            if not isinstance(value, int | float) and (
                not isinstance(value, str) or self._choose(name, [value]) is None
            ):
                self._reject(name, series, at, value, f"is not a number; {other} reads it as words")
        raise DataFileError(
            f"{self.source.path}: column {name!r}: some of its numbers have a point for decimals, "
            f"others a comma; {other} reads it as words"
        )

    def _some_numbers(self, name: str, series: Series, given: Given) -> Read:
        """A field that was always a number: what is one still is; the rest stays text."""
        numeric = [cell for cell in given.values if notation.some_number(cell)]
        chosen = self._choose(name, numeric) if numeric else None
        if chosen is None:
            return self._main(name, series, given)
        number = chosen.number
        mixed = [number(c) if notation.some_number(c) else c for c in given.values]
        odd = next(cell for cell in given.values if not notation.some_number(cell))
        note = joined([chosen.note, f"numbers until now, and now also {shown(odd)}"])
        return self._number_field(name, series, replace(given, values=mixed), note)

    def _times_or_refuse(self, name: str, series: Series, given: Given, pattern: str) -> Read:
        bare = without_words(given)
        _adopt(given, bare)
        values = [_plain(value) for value in bare.values]
        if all(map(times.is_moment, values)):
            return self._time_fields(name, series, replace(bare, values=values))
        cells = [_as_text(value) for value in values]
        form = (
            times.by_pattern(pattern)
            if pattern
            else self._find_form(name, cells) or times.compact(cells) or self._epoch(name, cells)
        )
        remedy = option("--type", f"{name}=datetime:%d/%m/%Y")
        for at, cell in zip(bare.at, cells, strict=True):
            here = form or times.find_form([cell])
            if here is not None and times.read_all(here, [cell]) is not None:
                continue
            problem = f"is no date or time; name the pattern of the column as in {remedy}"
            self._reject(name, series, at, cell, problem)
        if form is None:
            raise DataFileError(
                f"{self.source.path}: column {name!r}: its dates are of several forms; name the "
                f"pattern of one as in {remedy}, or {option('--type', f'{name}=category')}"
            )
        if pattern or form.order:
            self.forms[name] = pattern or form.order
        return self._times(name, series, replace(bare, values=cells), form)

    def _spelled_times(self, name: str, series: Series, given: Given) -> Read | None:
        """Times, if all are, or some are of a field that always was one: the rest is missing."""
        form = self._find_form(name, given.values)
        if form is not None:
            if form.order:
                self.forms[name] = form.order
            return self._times(name, series, given, form)
        if not any(f"{name}.{part}" in self.known for part in times.MAIN_PARTS):
            return None
        form = times.find_some(given.values, self._order(name))
        if form is None:
            return None
        there = [i for i, v in enumerate(given.values) if times.read_all(form, [v]) is not None]
        odd = next(v for v in given.values if times.read_all(form, [v]) is None)
        held = replace(
            given, at=[given.at[i] for i in there], values=[given.values[i] for i in there]
        )
        read = self._times(name, series, held, form)
        lost = f"{len(given.values) - len(there):,} are no times and missing: {shown(odd)}"
        return replace(read, note=joined([read.note, lost]))

    def _order(self, name: str) -> str:
        """What comes first in the dates of a column that a learner knows; "" if it is not known."""
        known = self.forms.get(name, "")
        return known if known in times.ORDERS else ""

    def _find_form(self, name: str, cells: Sequence[str]) -> times.Form | None:
        known = self.forms.get(name, "")
        if known.startswith("%"):
            form = times.by_pattern(known)
            if times.read_all(form, cells) is not None:
                return form
        return times.find_form(cells, self._order(name))

    def _epoch(self, name: str, cells: Sequence[str]) -> times.Form | None:
        """Counts since 1970, where all cells are numbers."""
        chosen = self._choose(name, cells)
        if chosen is None:
            return None
        number = chosen.number
        return times.Form(lambda cell: times.from_number(number(cell)), "counted since 1970")

    def _times(self, name: str, series: Series, given: Given, form: times.Form) -> Read:
        moments = replace(given, values=[form.read(cell) for cell in given.values])
        return self._time_fields(name, series, moments, form.note.replace("NAME", name))

    def _time_fields(self, name: str, series: Series, given: Given, note: str = "") -> Read:
        fields = {
            part: Series([series.rows[given.at[i]] for i in positions], list(numbers))
            for part, (positions, numbers) in times.columns_of(name, given.values).items()
        }
        parts = ", ".join(part[len(name) :] for part in fields)
        note = joined([note, f"as {parts}" if parts else ""])
        return Read("datetime", fields, len(given.values), note)

    def _lists(self, name: str, series: Series, given: Given) -> Read:
        held = [value for value in given.values if not lists.is_list(value) or value]
        strings = any(isinstance(p, str) for v in held if lists.is_list(v) for p in v)
        if strings or (not held and self._tags_known(name)):
            return self._tags_or_refuse(name, series, given)
        try:
            vectors = lists.as_vectors(given.values)
        except lists.ListError as error:
            value = given.values[error.at]
            self._leave(name, series, given.at[error.at], value, error.problem)
        return self._main(name, series, replace(given, values=vectors))

    def _tags_known(self, name: str) -> bool:
        return any(field.startswith(f"{name}.") for field in self.known)

    def _tags_or_refuse(self, name: str, series: Series, given: Given) -> Read:
        values = given.values
        if self.source.textual and _all_text(values):
            values = lists.spelled_lists(values) or lists.split_tags(values)
        for at, value in zip(given.at, values, strict=True):
            if lists.as_tags([value]) is None:
                what = "holds other things than strings, so it cannot be tags"
                if lists.is_list(value) and any(isinstance(part, dict) for part in value):
                    what = "is a list of objects, which no field can hold"
                self._leave(name, series, at, value, what)
        return self._tags(name, series, replace(given, values=lists.as_tags(values) or []))

    def _tags(self, name: str, series: Series, given: Given) -> Read:
        sets = given.values
        if lists.are_sentences(sets) and self.options.types.get(name) != "tags":
            texts = [" ".join(parts) or None for parts in sets]
            read = self._main(name, series, replace(given, values=texts), "lists of texts, joined")
            return replace(read, type="text")
        found = list(dict.fromkeys(tag for tags in sets for tag in tags))
        start = f"{name}."
        known = [f[len(start) :] for f, kind in self.known.items()
                 if kind == "boolean" and f.startswith(start)]  # fmt: skip
        every = list(dict.fromkeys([*known, *found]))
        whole = len(every) <= lists.MOST_ABSENT_TAGS
        fields = {f"{name}.{tag}": Series([], []) for tag in every}
        for at, tags in zip(given.at, sets, strict=True):
            row, present = series.rows[at], set(tags)
            for tag in every if whole else tags:
                fields[f"{name}.{tag}"].add(row, tag in present)
        note = "a field each" + ("" if whole else "; those that are absent are not named")
        return Read(f"tags, {len(every):,}", fields, len(sets), note)

    def _check_length(self, name: str, series: Series, given: Given) -> None:
        most = self.options.longest
        if all(isinstance(v, str) for v in given.values) and not any(
            len(v) > most for v in given.values
        ):
            return
        for at, value in zip(given.at, given.values, strict=True):
            if isinstance(value, str | bytes) and len(value) > most:
                raise DataFileError(
                    f"{self.source.where(series.rows[at], name)}: has {len(value):,} characters; "
                    f"a cell may have {most:,}, as many as the budget has bytes: --budget-mb "
                    f"{-(-len(value) // 2**20)} reads it, {option('--drop', name)} leaves it out"
                )

    def _refuse(self, name: str, series: Series, at: int, value: Any) -> NoReturn:
        problem = "is not a finite number, a string, true/false or a list of finite numbers"
        if isinstance(value, int | float):
            problem = "is not a finite number within 1e100"
        self._leave(name, series, at, value, problem)

    def _leave(self, name: str, series: Series, at: int, value: Any, problem: str) -> NoReturn:
        left = f"{problem}; {option('--drop', name)} leaves the column out"
        self._reject(name, series, at, value, left)

    def _reject(self, name: str, series: Series, at: int, value: Any, problem: str) -> NoReturn:
        place = self.source.where(series.rows[at], name)
        raise DataFileError(f"{place}: {shown(value)} {problem}")


def _spread(series: Series, given: Given, values: Sequence[Any]) -> Series:
    """The values at their places; None in between."""
    out: list[Any] = [None] * len(series.values)
    for at, value in zip(given.at, values, strict=False):
        out[at] = value
    return Series(series.rows, out)


def _adopt(given: Given, bare: Given) -> None:
    """Count what is missing only among numbers."""
    given.gone.update(bare.gone - given.gone)


def _all_text(values: Sequence[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _all_fit(values: Sequence[Any]) -> bool:
    """Whether all are numbers that a field can hold; the usual case, told fast."""
    if not set(map(type, values)) <= {int, float}:
        return False
    return not values or (max(values) <= LARGEST and min(values) >= -LARGEST)


def _fits(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and abs(float(value)) <= LARGEST
    except OverflowError:  # an integer that no float can hold
        return False


def _plain(value: Any) -> Any:
    """A value of Arrow or Excel as one that a record can hold."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    return str(value) if isinstance(value, UUID) else value


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if lists.is_list(value):
        return ", ".join(map(_as_text, value))
    if times.is_moment(value):
        return str(value.isoformat())
    return str(value)


def _nearly(cells: Sequence[str]) -> str:
    """What keeps a column from being numbers or times, where it is little."""
    head = cells[:100]
    if sum(map(notation.some_number, head)) < MOSTLY * len(head):
        odd_time = times.nearly_times(cells)
        return f"words, as {shown(odd_time)} is no time" if odd_time else ""
    odd = [cell for cell in cells if not notation.some_number(cell)]
    if not odd:
        return "numbers of several notations"
    few = len(odd) <= (1.0 - MOSTLY) * len(cells)
    return f"{len(odd):,} of {len(cells):,} are no numbers: {shown(odd[0])}" if few else ""
