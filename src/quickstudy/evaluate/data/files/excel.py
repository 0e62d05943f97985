"""Excel workbooks (.xlsx), read by openpyxl: the first sheet that holds cells."""

from __future__ import annotations

import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any, BinaryIO

from quickstudy.errors import DataFileError
from quickstudy.evaluate.data.files.arrow import require
from quickstudy.evaluate.data.files.source import Source, clean_name, option, settle_columns

ZIP, OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


def is_workbook(stream: BinaryIO) -> bool:
    """Whether a file is a zip archive that holds an Excel workbook."""
    stream.seek(0)
    try:
        with zipfile.ZipFile(stream) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return False


def read_excel(
    path: Path, stream: BinaryIO, limit: int | None, *, dropped: Collection[str] = ()
) -> Source:
    """The columns of the first sheet with cells; its first row that holds any names them.

    Args:
        dropped: columns that the user leaves out.

    Raises:
        DataFileError: it is damaged, has no cells, or has a column of formulas without values.
        MissingExtraError: openpyxl is not installed.
    """
    openpyxl = require("openpyxl", f"{path}: to read it")
    stream.seek(0)
    try:
        book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
        sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
        for sheet in sheets or book.worksheets:
            sheet.reset_dimensions()
            rows = [(i, row) for i, row in enumerate(sheet.iter_rows(values_only=True), 1)]
            rows = [(i, row) for i, row in rows if any(_holds(cell) for cell in row)]
            if rows:
                break
        else:
            raise DataFileError(f"{path}: is empty")
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError) as error:
        if isinstance(error, DataFileError):
            raise
        raise DataFileError(f"{path}: cannot be read as an Excel workbook: {error}") from None
    source = _settled(path, rows, limit)
    empty = _empty_columns(rows, dropped)
    if empty:
        stream.seek(0)
        formulas = openpyxl.load_workbook(stream, read_only=True)
        _check_formulas(path, formulas, sheet.title, empty)
    if len(book.sheetnames) > 1:
        source.notes.append(f"sheet {sheet.title!r} is read, of {len(book.sheetnames)} sheets")
    return source


def _settled(path: Path, rows: list[tuple[int, Any]], limit: int | None) -> Source:
    width = max(len(row) for _, row in rows)
    (_, header), *body = rows
    heads = ["" if cell is None else str(cell) for cell in header]
    heads += [""] * (width - len(heads))
    total = len(body)
    body = body[:limit]
    source = Source(path, "row", [i for i, _ in body], {}, total=total, loose=True)
    columns: list[list[Any]] = [[] for _ in heads]
    for _, row in body:
        for place, column in enumerate(columns):
            column.append(row[place] if place < len(row) else None)
    settle_columns(source, heads, columns)
    return source


def _empty_columns(rows: list[tuple[int, Any]], dropped: Collection[str]) -> dict[int, str]:
    """The named columns without any value, by position."""
    (_, header), *body = rows
    names = {place: clean_name(str(cell)) for place, cell in enumerate(header) if _holds(cell)}
    return {
        place: name
        for place, name in names.items()
        if name not in dropped
        and not any(place < len(row) and _holds(row[place]) for _, row in body)
    }


def _check_formulas(path: Path, book: Any, title: str, wanted: dict[int, str]) -> None:
    """Refuse a column of formulas that were never computed: all its values would be missing.

    Args:
        book: the workbook with its formulas.
        wanted: names of the columns without any value, by position.

    Raises:
        DataFileError: the message names the first cell and the remedy.
    """
    sheet = book[title]
    sheet.reset_dimensions()
    for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
        for place, name in wanted.items():
            cell = row[place] if place < len(row) else None
            if isinstance(cell, str) and cell.startswith("="):
                raise DataFileError(
                    f"{path}: row {number}, column {name!r}: {cell!r:.40} is a formula whose value "
                    "is not in the file; open and save it in a spreadsheet, or "
                    f"{option('--drop', name)}"
                )


def _holds(cell: Any) -> bool:
    return cell is not None and (not isinstance(cell, str) or bool(cell.strip()))
