"""Copying a store: the database and the files of its folder, in an order that stays consistent."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from quickstudy.errors import InputError
from quickstudy.snapshot import write_whole

if TYPE_CHECKING:
    from quickstudy.log.store import Store

LATER = ("snapshot-", "head")  # files that may not be copied after the database


def copy_store(store: Store, target: Path) -> None:
    """Copy a store and its folder to `target` and `target.d`; remove both on failure.

    The folder is copied before the database, because snapshots must not be ahead of the log, and
    once more after it, for files that the log has named in the meantime.

    Raises:
        InputError: one of them exists already.
        OSError, DatabaseError: they cannot be written.
    """
    folder = target.with_name(target.name + ".d")
    for path in (target, folder):
        if path.exists():
            raise InputError(f"{path} is there already; a backup overwrites nothing")
    try:
        folder.mkdir(mode=0o700)
        _copy_files(store.folder, folder)
        store.backend.copy(store.engine, target)
        _copy_files(store.folder, folder, without=LATER)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _copy_files(folder: Path, target: Path, *, without: tuple[str, ...] = ()) -> None:
    """Copy the files that `target` lacks; a file that is removed meanwhile was superfluous."""
    for path in sorted(folder.rglob("*")):  # refitted experts come before the snapshots
        copied = target / path.relative_to(folder)
        if path.name.startswith((".", "lock", *without)):
            continue
        if path.is_dir():
            copied.mkdir(mode=0o700, exist_ok=True)
        elif not copied.exists():
            with suppress(FileNotFoundError):
                write_whole(copied, path.read_bytes())
