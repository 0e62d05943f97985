"""Copying a store: the database and the files of its folder, in an order that stays consistent."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from quickstudy.errors import InputError
from quickstudy.snapshot import write_whole

LATER = ("snapshot-", "head")  # files that may not be copied after the database


def folder_beside(path: Path) -> Path:
    """The folder that goes with a store file."""
    return path.with_name(path.name + ".d")


def copy_store(folder: Path, copy_database: Callable[[Path], None], target: Path) -> None:
    """Copy a store with this folder to `target` and `target.d`; leave neither on failure.

    The folder is copied before the database, because snapshots must not be ahead of the log, and
    once more after it, for files that the log has named in the meantime.

    Args:
        copy_database: writes a copy of the database to a path, or leaves no file there.

    Raises:
        InputError: one of them exists already.
        OSError, DatabaseError: they cannot be written.
    """
    copied = folder_beside(target)
    for path in (target, copied):
        if path.exists():
            raise InputError(f"{path} is there already; a backup overwrites nothing")
    try:
        copied.mkdir(mode=0o700)
        _copy_files(folder, copied)
        copy_database(target)
        _copy_files(folder, copied, without=LATER)
    except BaseException:
        shutil.rmtree(copied, ignore_errors=True)
        target.unlink(missing_ok=True)
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
