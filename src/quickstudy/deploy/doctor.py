"""Doctor: checks that log, tables, snapshots and learners of a store agree."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from sqlalchemy import select

from quickstudy.api.admin import Finding
from quickstudy.deploy.core.failures import reason_of
from quickstudy.deploy.core.queries import learner_rows, live_rows, quarantined, tally
from quickstudy.deploy.core.tables import (
    DERIVED,
    checked,
)
from quickstudy.deploy.hosting.quarantine import Ledger, SetAside
from quickstudy.deploy.kind import KINDS
from quickstudy.deploy.migration import open_store
from quickstudy.deploy.rebuild import differences, summary
from quickstudy.deploy.recovery import lineage, snapshots
from quickstudy.deploy.recovery.files import folder_of
from quickstudy.deploy.recovery.recover import recover
from quickstudy.deploy.recovery.replay import Progress, ReplayState, replay, whole_or_without
from quickstudy.deploy.runs import snapshots as run_snapshots
from quickstudy.deploy.runs import state
from quickstudy.deploy.runs.state import ValueState
from quickstudy.deploy.versions.registry import version_rows
from quickstudy.errors import ModelFileError, QuickstudyError
from quickstudy.learners.base import DEFINITION
from quickstudy.log.events import FIRST_LINK
from quickstudy.log.store import SCHEMA, Store, read_events, typed

Live = Mapping[int, tuple[int, str]]
PAGES, CHAIN = "pages and indexes", "chain of events"
TABLES, FOLLOW = "tables", "tables follow from the log"
LOG_CHECKS = frozenset({PAGES, CHAIN})  # must hold for tables to be made from the log
TABLE_CHECKS = frozenset({TABLES, FOLLOW})


def check(store: Store, *, progress: Progress = None, live: Live | None = None) -> list[Finding]:
    """All findings, in order; learners are not replayed if the log is damaged.

    `live`: number -> last event and state of hosted value learners in a running deployment.
    """
    findings = []
    checks: list[tuple[str, Callable[[Store], str]]] = [
        (PAGES, _pages),
        (CHAIN, _chain),
        ("all that was acknowledged", _head_pointer),
        (TABLES, _rows),
        (FOLLOW, partial(_follow, progress=progress)),
        ("files are for their owner alone", _modes),
    ]
    for name, look in checks:
        findings.append(_finding(name, partial(look, store)))
    if all(f.ok for f in findings[:5]):
        findings += _learners(store, progress)
        findings += _values(store, progress, live or {})
        findings += _of_kinds(store)
    return findings


def check_file(path: str | Path, *, progress: Progress = None) -> list[Finding]:
    """The findings about a store that no process has open.

    A store of an older schema is migrated first, after a backup.

    Raises:
        StoreError: the store cannot be opened.
    """
    store = Store(path, write=False)
    if store.schema < SCHEMA:
        store.close()
        open_store(path, progress=progress).close()
        store = Store(path, write=False)
    try:
        return check(store, progress=progress)
    finally:
        store.close()


def _finding(name: str, look: Callable[[], str]) -> Finding:
    try:
        with typed("the store cannot be read"):
            return Finding(name, True, look())
    except QuickstudyError as error:
        return Finding(name, False, str(error) or type(error).__name__)
    except Exception as error:  # too little memory for a learner, say
        return Finding(name, False, reason_of(error))


class _DamageError(QuickstudyError):
    """A check found damage."""


def _pages(store: Store) -> str:
    with store.reading() as connection:
        found = store.backend.damage(connection)
    if found:
        raise _DamageError("; ".join(found))
    return "whole"


def _chain(store: Store) -> str:
    before, seq = FIRST_LINK, 0
    with store.reading() as connection:
        for event in read_events(connection):
            if event.seq != seq + 1:
                raise _DamageError(f"event {seq + 1} is missing")
            if not event.is_intact(before):
                raise _DamageError(f"event {event.seq} is not what was written")
            before, seq = event.link, event.seq
    return f"{seq:,} events, each fits the one before"


def _head_pointer(store: Store) -> str:
    pointed = store.head_pointer.read()
    if pointed is None:
        if store.head[0]:
            raise _DamageError(
                f"{store.folder.name}/head is missing or damaged; it is written again "
                "with the next event"
            )
        return "nothing yet"
    return f"the log goes at least to event {pointed[0]:,}, as it must"


def _rows(store: Store) -> str:
    count = 0
    with store.reading() as connection:
        for table in DERIVED:
            for row in connection.execute(select(table)).mappings():
                checked(table, row)
                count += 1
    store.meta("secret", lambda: b"", write=False)
    return f"{count:,} rows, each as it was written"


def _follow(store: Store, progress: Progress) -> str:
    """Check that all rows of all tables are as the log determines them, in all columns."""
    found = differences(store, progress=progress)
    if found:
        raise _DamageError(f"{len(found):,} rows are not as the log says: {summary(found)}")
    return "every row of every table, in all columns"


def _modes(store: Store) -> str:
    mode = 0
    paths = [store.path, store.folder, *store.folder.rglob("*")]
    for path in paths:
        with suppress(FileNotFoundError):  # a snapshot that was removed meanwhile
            mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise _DamageError(f"{path} can be read by others: chmod go-rwx it")
    return f"{len(paths)} files and folders"


def _learners(store: Store, progress: Progress) -> Iterator[Finding]:
    with store.reading() as connection:
        rows = learner_rows(connection)
    for row in rows:
        number = row["id"]
        folder = folder_of(store.folder, number)
        for path in snapshots.found(folder):
            yield _finding(f"{row['name']}: {path.name}", partial(_snapshot, store, path))
        yield _finding(f"{row['name']}: versions", partial(_versions, store, number, folder))
        yield _finding(f"{row['name']}: replay", partial(_replayed, store, number, progress))
        yield _finding(f"{row['name']}: examples set aside", partial(_set_aside, store, number))


def _values(store: Store, progress: Progress, live: Live) -> Iterator[Finding]:
    with store.reading() as connection:
        rows = state.value_rows(connection)
    for row in rows:
        number, name = row["id"], row["name"]
        for path in snapshots.found(folder_of(store.folder, number)):
            yield _finding(f"{name}: {path.name}", partial(_value_snapshot, store, path))
        look = partial(_value_replayed, store, number, progress, live.get(number))
        yield _finding(f"{name}: replay", look)
        yield _finding(f"{name}: examples set aside", partial(_set_aside, store, number))


def _of_kinds(store: Store) -> Iterator[Finding]:
    """What kinds of learners check besides what is checked of all."""
    with store.reading() as connection:
        rows = live_rows(connection)
    for row in rows:
        for name, check in KINDS.of_plain(row["settings"]).checks.items():
            yield _finding(f"{row['name']}: {name}", partial(check, store, row["id"]))


def _value_snapshot(store: Store, path: Path) -> str:
    return f"whole, up to event {run_snapshots.read(path, store.link_at).replayed:,}"


def _value_replayed(
    store: Store, number: int, progress: Progress, live: tuple[int, str] | None
) -> str:
    upto = live[0] if live else store.last()[0]

    def replay_all(without: bool) -> ValueState:
        return state.replay(
            store, number, strict=True, upto=upto, progress=progress, without=without
        )

    full = whole_or_without(replay_all)
    quick = run_snapshots.recover(store, number, upto=upto)
    _check_set_aside(store, number, [*full.set_aside, *quick.set_aside])
    found = {full.hash, quick.hash} | ({live[1]} if live else set())
    if len(found) > 1:
        as_champion = f", the hosted one is {live[1]}" if live else ""
        raise ModelFileError(
            f"a replay of the whole log gives {full.hash}, the snapshot and its tail "
            f"{quick.hash}{as_champion}"
        )
    return f"the whole log and the last snapshot give the same state, {full.hash}"


def _check_set_aside(store: Store, number: int, found: Sequence[SetAside]) -> None:
    """Check that the log marks every event that raises in a replay as set aside."""
    with store.reading() as connection:
        known = Ledger.of(connection, number).marks
    logged = {(one.seq, one.switch) for _, one in known}
    if missing := [one for one in found if (one.seq, one.switch) not in logged]:
        raise _DamageError(
            f"{missing[0]} when it is learned here, and the log does not say that it was set "
            "aside: it would be once the store is opened"
        )


def _set_aside(store: Store, number: int) -> str:
    with store.reading() as connection:
        found = quarantined(connection, number)
        count = tally(connection, number).get("quarantined", 0)
    if not count:
        return "none"
    first = found[0]
    about = f"event {first.event:,}, {first.about}" if first.event else first.about
    raise _DamageError(
        f"{count:,} could not be learned; the last was {about}"
        f"{f' of {first.subject!r}' if first.subject else ''}: {first.reason}; every replay skips "
        "them, and all else was learned"
    )


def _versions(store: Store, number: int, folder: Path) -> str:
    with store.reading() as connection:
        made = [row for row in version_rows(connection, number) if row["kind"] != "first"]
    for row in made:
        lineage.read_version(folder, row["id"], row["asof"])
    return f"{len(made)} that were made, each as its name says"


def _snapshot(store: Store, path: Path) -> str:
    found = snapshots.read(path, store.link_at)
    return f"whole, up to event {min(found.learned, found.decided):,}"


def _replayed(store: Store, number: int, progress: Progress) -> str:
    upto = store.last()[0]
    full = whole_or_without(
        lambda without: replay(store, number, upto=upto, progress=progress, without=without)
    )
    quick: ReplayState = recover(store, number, upto=upto)
    _check_set_aside(store, number, [*full.set_aside, *quick.set_aside])
    if quick.learner.definition < DEFINITION:
        return (
            f"the whole log can be learned; it goes on from what an older quickstudy had learned, "
            f"which this one would learn otherwise, as {full.hash}"
        )
    if full.hash != quick.hash:
        raise ModelFileError(
            f"a replay of the whole log gives {full.hash}, the snapshot and its tail {quick.hash}"
        )
    return f"the whole log and the last snapshot give the same state, {full.hash}"
