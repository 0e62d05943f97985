"""Where the files of a learner are: snapshots, versions, refitted experts."""

from __future__ import annotations

from pathlib import Path


def folder_of(store_folder: Path, number: int) -> Path:
    """Where the snapshots, versions and refitted experts of a learner are."""
    return store_folder / f"learner-{number}"
