"""Databases that hold a log: each is a `Backend`, and SQLite is the only one so far."""

from pathlib import Path

from quickstudy.log.backends.base import Backend
from quickstudy.log.backends.sqlite import DRIVER_ERRORS as DRIVER_ERRORS
from quickstudy.log.backends.sqlite import SqliteBackend


def backend_for(path: Path) -> Backend:
    """The database of the store at `path`."""
    return SqliteBackend(path)
