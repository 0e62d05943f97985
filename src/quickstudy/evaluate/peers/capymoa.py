"""CapyMOA's learners (MOA, in Java) as peers: https://capymoa.org."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from quickstudy.errors import MissingExtraError
from quickstudy.evaluate.peers.base import Fields, Peer, require, split_record
from quickstudy.types import Floats, Record

ENSEMBLE_SIZE = 30
TARGET = "target of the stream"  # a name that a field is unlikely to have


def load(module: str) -> Any:
    """Import a part of CapyMOA, which starts a Java virtual machine.

    Raises:
        MissingExtraError: CapyMOA or Java is not installed.
    """
    try:
        return require(module)
    except RuntimeError as error:
        raise MissingExtraError(
            f"CapyMOA cannot start Java ({error}): install Java 17 or later, and "
            "pip install 'quickstudy[peers]'"
        ) from error


class CapyMOAPeer(Peer):
    """One of CapyMOA's classifiers, at its defaults apart from 30 trees an ensemble.

    MOA needs a schema: `labels` must have every label, `fields` every field with its categories.
    Knowing them ahead is an advantage that peers may have. A field or category that was not
    announced counts as missing.

    Args:
        algorithm: a key of `ALGORITHMS`.
    """

    def __init__(self, algorithm: str, *, labels: Sequence[str], fields: Fields, seed: int) -> None:
        super().__init__(labels=labels, fields=fields, seed=seed)
        streams = load("capymoa.stream")
        core = load("capymoa.core")
        self.instance, self.labelled = core.Instance, core.LabeledInstance
        categories = {name: list(words) for name, words in self.fields.items() if words}
        self.schema = streams.Schema.from_custom(
            features=[*self.fields, TARGET],
            target=TARGET,
            categories=categories | {TARGET: list(self.labels)},
            name="stream",
        )
        self.columns = {name: i for i, name in enumerate(self.fields)}
        self.codes = {
            name: {word: float(i) for i, word in enumerate(words)}
            for name, words in categories.items()
        }
        self.model = ALGORITHMS[algorithm](self)

    def encode(self, record: Record) -> Floats:
        """The record as a row of the schema: category numbers, NaN where missing."""
        row = np.full(len(self.columns), np.nan)
        numbers, words = split_record(record)
        for name, number in numbers.items():
            if name in self.columns and name not in self.codes:
                row[self.columns[name]] = number
        for name, word in words.items():
            if name in self.codes:
                row[self.columns[name]] = self.codes[name].get(word, np.nan)
        return row

    def vote(self, record: Record) -> Mapping[str, float]:
        """MOA's votes, normalised by CapyMOA; empty if MOA has no answer."""
        found = self.model.predict_proba(self.instance.from_array(self.schema, self.encode(record)))
        return {} if found is None else dict(zip(self.labels, found.tolist(), strict=False))

    def train(self, record: Record, label: str) -> None:
        """Learn one example with MOA."""
        target = self.label_index(label)
        self.model.train(self.labelled.from_array(self.schema, self.encode(record), target))


def adaptive_random_forest(peer: CapyMOAPeer) -> Any:
    """Gomes et al. 2017: online bagging of randomised Hoeffding trees with drift detectors."""
    return load("capymoa.classifier").AdaptiveRandomForestClassifier(
        peer.schema, random_seed=peer.seed, ensemble_size=ENSEMBLE_SIZE
    )


def random_patches(peer: CapyMOAPeer) -> Any:
    """Gomes et al. 2019: bagging over random subsets of fields, with drift detectors."""
    return load("capymoa.classifier").StreamingRandomPatches(
        peer.schema, random_seed=peer.seed, ensemble_size=ENSEMBLE_SIZE
    )


def self_adjusting_neighbours(peer: CapyMOAPeer) -> Any:
    """Losing et al. 2016: nearest neighbours with a short-term and a long-term memory."""
    return load("capymoa.classifier").SAMkNN(peer.schema, random_seed=peer.seed)


ALGORITHMS: dict[str, Callable[[CapyMOAPeer], Any]] = {
    "ARF": adaptive_random_forest,
    "SRP": random_patches,
    "SAMkNN": self_adjusting_neighbours,
}
