"""Output of the command line: progress and types on stderr, results on stdout."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table as RichTable
from rich.text import Text

from quickstudy.errors import SettingError
from quickstudy.evaluate.data.columns import Column

SHOWN_COLUMNS = 30  # shown at most
out = Console()
err = Console(stderr=True)


class Rate(ProgressColumn):
    """Examples a second."""

    def render(self, task: Task) -> Text:
        """The rate, or nothing as long as it is unknown."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "", style="progress.data.speed")


@contextmanager
def progress_bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar with rate and remaining time on standard error; yields a function that moves it."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.advance(task, count)


def show_types(columns: Sequence[Column], rows: int) -> None:
    """Print the fields as they were read, with remarks, on standard error."""
    fields = sum(column.type != "left out" for column in columns)
    table = RichTable(title=f"{rows:,} examples, {fields} fields", title_justify="left")
    noted = any(column.note for column in columns)
    for head in ("field", "type", "missing", "for example", *(("read",) if noted else ())):
        table.add_column(head, justify="right" if head == "missing" else "left")
    for column in columns[:SHOWN_COLUMNS]:
        missing = f"{column.missing:,}" if column.missing else ""
        remark = (Text(column.note),) if noted else ()
        table.add_row(Text(column.name), column.type, missing, Text(column.example), *remark)
    if len(columns) > SHOWN_COLUMNS:
        table.add_row(f"... {len(columns) - SHOWN_COLUMNS} more")
    err.print(table)


def show_notes(notes: Iterable[str]) -> None:
    """Print notes on standard error, one line each; empty notes are left out."""
    for note in filter(None, notes):
        err.print(Text(f"note: {note}"), soft_wrap=True)


def show_figures(runs: Mapping[str, Mapping[str, Any]]) -> None:
    """Print the figures of all learners on standard output, one column each."""
    first = next(iter(runs.values()))
    table = RichTable()
    table.add_column("test-then-train")
    for name in runs:
        table.add_column(name, justify="right", style="bold" if name == "Quickstudy" else None)
    for key in first:
        if isinstance(first[key], Mapping):
            for inner in first[key]:
                cells = [_figure(inner, figures[key][inner]) for figures in runs.values()]
                table.add_row(f"{key}: {inner}", *cells)
        else:
            table.add_row(key, *(_figure(key, figures[key]) for figures in runs.values()))
    out.print(table)


def _figure(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    if name in {"examples", "first_seen_labels", "bits_to_learn", "examples_per_second"}:
        return f"{value:,.0f}"
    return f"{value:,.1f}" if name == "peak_rss_mb" else f"{value:.4f}"


def check_writable(path: Path) -> None:
    """Refuse a path that cannot be written to, before the work starts.

    Raises:
        SettingError: the folder is missing or may not be written to, or the path is a folder.
    """
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise SettingError(f"{path}: cannot be written; name a file in a folder that is there")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path that replaces `path` after success and is removed after a failure."""
    check_writable(path)
    if path.exists() and not path.is_file():  # a device or a pipe must not be replaced
        yield path
        return
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
        draft.chmod(mode)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    """Write a text file completely or not at all."""
    with whole_file(path) as draft:
        draft.write_text(text, encoding="utf-8")
