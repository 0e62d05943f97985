"""Evaluates learners of other libraries on records and labels of any type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from quickstudy.evaluate.peers.registry import peer_name, peer_version, run_peer
from quickstudy.evaluate.prequential import Outcome, Progress
from quickstudy.types import Label


def peer_names(text: str) -> list[str]:
    """Names of peers from a comma-separated list; each must be known and installed.

    Raises:
        SettingError: there is no such peer.
        MissingExtraError: its library is not installed.

    >>> peer_names("LightGBM,")
    ['lightgbm']
    """
    names = [peer_name(part.strip()) for part in text.split(",") if part.strip()]
    for name in names:
        peer_version(name)
    return list(dict.fromkeys(names))


def evaluate_peer(
    name: str,
    records: Sequence[dict[str, Any]],
    labels: Sequence[Label],
    *,
    delay: int = 0,
    progress: Progress | None = None,
) -> Outcome:
    """Test-then-train evaluation of one peer.

    The peer gets one field for each number of a vector, and labels as strings.
    """
    flat = [flatten(record) for record in records]
    strings = all(isinstance(y, str) for y in labels)
    names = [str(y) if strings else repr(y) for y in labels]
    done = 0

    def moved(now: int, _: int) -> None:
        nonlocal done
        if progress is not None:
            progress(now - done)
        done = now

    outcome = run_peer(name, flat, names, delay=delay, progress=moved).outcome
    moved(len(flat), len(flat))
    return outcome


def flatten(record: dict[str, Any]) -> dict[str, Any]:
    """The record with one field for each number of a vector.

    >>> flatten({"a": 1, "v": [0.5, 2.0]})
    {'a': 1, 'v.0': 0.5, 'v.1': 2.0}
    """
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, list | np.ndarray):
            flat.update((f"{name}.{i}", float(v)) for i, v in enumerate(value))
        else:
            flat[name] = value
    return flat
