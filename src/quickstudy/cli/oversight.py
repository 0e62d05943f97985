"""Commands of oversight: pause and resume, and cases for the exam from a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quickstudy.cli.reading import Decimal, Drop, Encoding, Separator, TargetType, Types
from quickstudy.errors import InputError, StoreError

if TYPE_CHECKING:
    from quickstudy.client.client import Client
    from quickstudy.deploy.deployment import Deployment

AT_ONCE = 200  # pins in one request: records of 5,000 characters still fit

pins = typer.Typer(name="pins", help="The exam: cases to get right.", no_args_is_help=True)
StoreFile = Annotated[
    Path | None, typer.Option("--store", metavar="FILE", help="A store on this machine.")
]
Url = Annotated[str | None, typer.Option("--url", metavar="URL", help="Of a server, http://...")]
Key = Annotated[
    str | None,
    typer.Option("--key", metavar="qs_...", envvar="QUICKSTUDY_KEY", help="For --url, if needed."),
]
Learner = Annotated[
    str | None, typer.Option("--learner", metavar="NAME", help="With --url: this learner only.")
]


def pause(
    store: StoreFile = None,
    url: Url = None,
    key: Key = None,
    learner: Learner = None,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why: every answer says so.")
    ] = "",
) -> None:
    """Pause: from the next answer on a learner asks for everything.

    With --store all learners of the store pause, also while it is being served:
    a file PAUSE in its folder says so, and nothing but its removal ends it.
    With --url the server is told, and the pause is in its log.

    \b
    [bold]Examples[/bold]
    quickstudy pause --store work.db --reason "the price list is wrong"
    quickstudy pause --url http://localhost:8321 --learner tickets
    """
    if url is not None:
        _check_one(store, url)
        with _connected(url, key) as client:
            client.pause(learner, reason=reason)
        typer.echo(f"{learner or 'all learners'}: paused", err=True)
        return
    path = _pause_file(store, learner)
    from quickstudy.snapshot import write_whole

    path.parent.mkdir(mode=0o700, exist_ok=True)
    write_whole(path, reason.encode("utf-8", "backslashreplace"))
    typer.echo(f"all learners: paused by {path}", err=True)


def resume(
    store: StoreFile = None, url: Url = None, key: Key = None, learner: Learner = None
) -> None:
    """End a pause. A pause by --store ends by --store, one by the server or its page by --url.

    \b
    [bold]Examples[/bold]
    quickstudy resume --store work.db
    quickstudy resume --url http://localhost:8321 --learner tickets
    """
    if url is not None:
        _check_one(store, url)
        with _connected(url, key) as client:
            client.resume(learner)
        typer.echo(f"{learner or 'all learners'}: resumed", err=True)
        return
    path = _pause_file(store, learner)
    there = path.exists()
    path.unlink(missing_ok=True)
    said = f"{path} is removed" if there else f"there was no {path}"
    typer.echo(f"{said}; a pause by the server or its page ends there, or with --url", err=True)


@pins.command("import")
def import_pins(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="CSV, JSONL, Parquet, Arrow or Excel with a column label, perhaps one bound "
            "(must or should).",
        ),
    ],
    learner: Annotated[str, typer.Option("--learner", metavar="NAME", help="Whose exam.")],
    store: StoreFile = None,
    url: Url = None,
    key: Key = None,
    separator: Separator = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    types: Types = None,
    drop: Drop = None,
    target_type: TargetType = None,
) -> None:
    """Pin every row of a file: a case that a version must, or should, get right.

    What is not the label, or its bound, is the record. A challenger that fails what
    the champion passes is not promoted.

    \b
    [bold]Examples[/bold]
    quickstudy pins import exam.csv --learner tickets --store work.db
    quickstudy pins import exam.csv --learner tickets --url http://localhost:8321
    quickstudy pins import exam.csv --learner tickets --store work.db --separator ';' --drop id
    """
    from quickstudy.api.runs import ValueInfo
    from quickstudy.deploy.versions.exam_file import read_pins
    from quickstudy.evaluate.data.options import options_from_text

    options = options_from_text(
        separator=separator, encoding=encoding, decimal=decimal, types=types or (), drop=drop,
        target_type=target_type,
    )  # fmt: skip
    with _reached(store, url, key) as deployment:
        info = deployment.learner(learner)
        if isinstance(info, ValueInfo):
            raise InputError(f"{learner!r} is a value learner: it sits no exam")
        rows = read_pins(file, labels=info.labels, options=options)
        done = 0
        for at in range(0, len(rows), AT_ONCE):
            try:
                done += deployment.pin_many(learner, rows[at : at + AT_ONCE])
            except InputError as error:
                kept = f"; the first {done:,} rows are pinned" if done else ""
                raise type(error)(f"{file}: {error}{kept}") from None
    typer.echo(f"{learner}: {done:,} cases pinned", err=True)


@contextmanager
def _reached(store: Path | None, url: str | None, key: str | None) -> Iterator[Deployment | Client]:
    """A store or a server: the same methods."""
    _check_one(store, url)
    if url is not None:
        with _connected(url, key) as client:
            yield client
        return
    from quickstudy.deploy.deployment import Deployment

    try:
        deployment = Deployment(_existing(store))
    except StoreError as error:
        if "is open in" not in str(error):
            raise
        raise StoreError(f"{error}. Name its server with --url instead") from None
    with deployment:
        yield deployment


@contextmanager
def _connected(url: str, key: str | None) -> Iterator[Client]:
    from quickstudy.client.client import Client

    with Client(url, key=key) as client:
        yield client


def _pause_file(store: Path | None, learner: str | None) -> Path:
    from quickstudy.deploy.guardrails.limits import PAUSE_FILE

    path = _existing(store)
    if learner is not None:
        raise InputError("with --store all learners pause; for one of them use --url")
    return path.with_name(path.name + ".d") / PAUSE_FILE


def _check_one(store: Path | None, url: str | None) -> None:
    if (store is None) == (url is None):
        raise InputError("name either a store, with --store, or a server, with --url")


def _existing(store: Path | None) -> Path:
    if store is None:
        raise InputError("name either a store, with --store, or a server, with --url")
    if not store.exists():
        raise StoreError(f"there is no store {store}")
    return store
