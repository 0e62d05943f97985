"""The folder of a learner's files: snapshots, versions, refitted experts."""

from __future__ import annotations

from pathlib import Path


def folder_of(store_folder: Path, number: int) -> Path:
    """The folder of the snapshots, versions and refitted experts of a learner."""
    return store_folder / f"learner-{number}"
