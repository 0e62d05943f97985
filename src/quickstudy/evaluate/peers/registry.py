"""The learners of other libraries by name, and their test-then-train runs."""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from quickstudy.errors import InputError, MissingExtraError, SettingError
from quickstudy.evaluate.peers.base import Fields, Peer, field_hints
from quickstudy.evaluate.peers.capymoa import CapyMOAPeer
from quickstudy.evaluate.peers.lightgbm import LightGBMPeer
from quickstudy.evaluate.peers.river import RiverPeer
from quickstudy.evaluate.peers.vowpal_wabbit import VowpalWabbitPeer
from quickstudy.evaluate.prequential import Outcome, label_indices, peak_rss_mb
from quickstudy.types import Record

PEERS: dict[str, Callable[..., Peer]] = {
    "river.LR": partial(RiverPeer, "LR"),
    "river.HT": partial(RiverPeer, "HT"),
    "river.HAT": partial(RiverPeer, "HAT"),
    "river.ARF": partial(RiverPeer, "ARF"),
    "river.SRP": partial(RiverPeer, "SRP"),
    "river.KNN": partial(RiverPeer, "KNN"),
    "vw": partial(VowpalWabbitPeer, quadratic=False),
    "vw.q": partial(VowpalWabbitPeer, quadratic=True),
    "lightgbm": LightGBMPeer,
    "capymoa.ARF": partial(CapyMOAPeer, "ARF"),
    "capymoa.SRP": partial(CapyMOAPeer, "SRP"),
    "capymoa.SAMkNN": partial(CapyMOAPeer, "SAMkNN"),
}
"""Every peer by name; each is made with `labels`, `fields` and `seed`. See `make_peer`."""

PROGRESS_EVERY = 1_000  # rows between two calls of `progress`


def peer_name(name: str) -> str:
    """The name of a peer as in `PEERS`, from upper or lower case.

    Raises:
        SettingError: there is no such peer.

    >>> peer_name("River.arf")
    'river.ARF'
    """
    for known in PEERS:
        if known.lower() == name.lower():
            return known
    raise SettingError(f"peer {name!r} is not known; choose one of {', '.join(PEERS)}")


def peer_version(name: str) -> str:
    """The library behind a peer and its version, such as "lightgbm 4.7.0".

    Raises:
        SettingError: there is no such peer.
        MissingExtraError: the library is not installed.
    """
    library = peer_name(name).partition(".")[0].replace("vw", "vowpalwabbit")
    try:
        return f"{library} {importlib.metadata.version(library)}"
    except importlib.metadata.PackageNotFoundError as error:
        raise MissingExtraError(
            f"{library} is not installed: pip install 'quickstudy[peers]'"
        ) from error


def make_peer(name: str, *, labels: Sequence[str], fields: Fields, seed: int = 1) -> Peer:
    """A new peer by name, in upper or lower case.

    Args:
        name: a key of `PEERS`.
        labels: every label of the stream, for libraries that need them ahead.
        fields: every field with its categories, from `field_hints`.
        seed: makes the run repeatable.

    Raises:
        SettingError: there is no such peer.
        MissingExtraError: its library is not installed.

    >>> peer = make_peer("LightGBM", labels=["no", "yes"], fields={"x": ()})
    >>> peer.predict({"x": 0.5})
    {}
    >>> peer.learn({"x": 0.5}, "yes")
    >>> peer.predict({"x": 0.5})
    {'yes': 1.0}
    """
    return PEERS[peer_name(name)](labels=labels, fields=fields, seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerRun:
    """The answers of a peer, each made before it learned the label of the row.

    Attributes:
        name, version: the peer, and its library with version.
        outcome: the answers and their probabilities; a peer gives no probability to "new label".
        cpu_seconds: processor time of predicting and learning all rows.
        memory_growth_mb: growth of the process's peak memory during the run; too low in a process
            that had a higher peak before.
    """

    name: str
    version: str
    outcome: Outcome
    cpu_seconds: float
    memory_growth_mb: float

    @property
    def label_seen(self) -> NDArray[np.bool_]:
        """Shape (n,): whether the true label had been learned before the prediction."""
        return ~self.outcome.first_seen

    @property
    def examples_per_second(self) -> float:
        """Rows predicted and learned in a second of wall-clock time."""
        return len(self.outcome.truth) / self.outcome.seconds


def run_peer(
    name: str,
    records: Sequence[Record],
    labels: Sequence[str],
    *,
    delay: int = 0,
    seed: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> PeerRun:
    """Run a peer over a stream: each row is predicted before its label is learned.

    With delay d the label of row i is learned after row i + d was predicted; with 0, right after
    its own prediction. The labels and fields of the whole stream are given to the libraries that
    need them ahead. `progress(done, total)` is called every 1,000 rows.

    Raises:
        InputError: there are no rows, or not one label for each record.
        SettingError: `delay` is negative, or there is no such peer.
        MissingExtraError: the peer's library is not installed.
    """
    if not len(records) or len(records) != len(labels):
        raise InputError(f"one label a record is needed; got {len(records)} and {len(labels)}")
    if delay < 0:
        raise SettingError(f"delay must be 0 or more, got {delay}")
    known, truth = label_indices(labels)
    announced = sorted(set(labels))
    peer = make_peer(name, labels=announced, fields=field_hints(records), seed=seed)
    n = len(records)
    answer = np.full(n, -1, dtype=np.int64)
    probability, confidence = np.zeros((2, n))
    codes = {label: i for i, label in enumerate(known)}
    memory, wall, cpu = peak_rss_mb(), time.perf_counter(), time.process_time()
    for i in range(n):
        shares = peer.predict(records[i])
        if shares:
            best = max(shares, key=shares.__getitem__)
            answer[i], confidence[i] = codes[best], shares[best]
            probability[i] = shares.get(labels[i], 0.0)
        if i >= delay:
            peer.learn(records[i - delay], labels[i - delay])
        if progress is not None and (i + 1) % PROGRESS_EVERY == 0:
            progress(i + 1, n)
    wall, cpu, peak = time.perf_counter() - wall, time.process_time() - cpu, peak_rss_mb()
    said = Outcome(known, truth, answer, probability, np.zeros(n), confidence, delay, wall, peak)
    return PeerRun(
        name=peer_name(name),
        version=peer_version(name),
        outcome=said,
        cpu_seconds=cpu,
        memory_growth_mb=peak - memory,
    )
