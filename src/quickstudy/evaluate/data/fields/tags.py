"""Columns of lists: tags, vectors and lists of texts."""

from __future__ import annotations

from dataclasses import replace

from quickstudy.evaluate.data import lists
from quickstudy.evaluate.data.fields.column import Read, SourceColumn, all_text
from quickstudy.evaluate.data.files.source import Series
from quickstudy.evaluate.data.missing import Given


def list_fields(column: SourceColumn, given: Given) -> Read:
    """A column of lists: strings are tags, numbers are a vector.

    Raises:
        DataFileError: a list is neither.
    """
    held = [value for value in given.values if not lists.is_list(value) or value]
    strings = any(isinstance(p, str) for v in held if lists.is_list(v) for p in v)
    if strings or (not held and are_known(column)):
        return tags_or_refuse(column, given)
    try:
        vectors = lists.as_vectors(given.values)
    except lists.ListError as error:
        column.refuse_column(given.at[error.at], given.values[error.at], error.problem)
    return column.one_field(replace(given, values=vectors))


def are_known(column: SourceColumn) -> bool:
    """Whether a learner knows tags of the column."""
    return any(name.startswith(f"{column.name}.") for name in column.file.known)


def tags_or_refuse(column: SourceColumn, given: Given) -> Read:
    """The column as tags.

    Raises:
        DataFileError: a value holds something other than strings.
    """
    values = given.values
    if column.file.source.textual and all_text(values):
        values = lists.spelled_lists(values) or lists.split_tags(values)
    for at, value in zip(given.at, values, strict=True):
        if lists.as_tags([value]) is None:
            problem = "holds other things than strings, so it cannot be tags"
            if lists.is_list(value) and any(isinstance(part, dict) for part in value):
                problem = "is a list of objects, which no field can hold"
            column.refuse_column(at, value, problem)
    return tag_fields(column, replace(given, values=lists.as_tags(values) or []))


def tag_fields(column: SourceColumn, given: Given) -> Read:
    """One boolean field for each tag; lists of sentences are joined to one field of text."""
    sets = given.values
    if lists.are_sentences(sets) and column.wanted != "tags":
        texts = [" ".join(parts) or None for parts in sets]
        read = column.one_field(replace(given, values=texts), "lists of texts, joined")
        return replace(read, type="text")
    found = [tag for tags in sets for tag in tags]
    every = list(dict.fromkeys([*_known_tags(column), *found]))
    all_named = len(every) <= lists.MOST_ABSENT_TAGS
    fields = {f"{column.name}.{tag}": Series([], []) for tag in every}
    for at, tags in zip(given.at, sets, strict=True):
        row, present = column.series.rows[at], set(tags)
        for tag in every if all_named else tags:
            fields[f"{column.name}.{tag}"].add(row, tag in present)
    note = "a field each" + ("" if all_named else "; those that are absent are not named")
    return Read(f"tags, {len(every):,}", fields, len(sets), note)


def _known_tags(column: SourceColumn) -> list[str]:
    start = f"{column.name}."
    return [
        name[len(start) :]
        for name, type in column.file.known.items()
        if type == "boolean" and name.startswith(start)
    ]
