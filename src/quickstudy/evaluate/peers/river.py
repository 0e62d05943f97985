"""River's learners as peers: https://riverml.xyz."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from quickstudy.evaluate.peers.base import Fields, Peer, require, split_record
from quickstudy.types import Record

ENSEMBLE_SIZE = 10  # River's own default for forests, and what its pure-Python speed allows for SRP


class RiverPeer(Peer):
    """One of River's classifiers, at its defaults.

    Trees get categories unchanged, and no key for a missing value, as River expects. Neighbours and
    linear models get numbers scaled by running mean and variance, and one-hot categories: without
    scaling they are far worse, and no user would run them that way.

    Args:
        algorithm: a key of `ALGORITHMS`.
    """

    def __init__(self, algorithm: str, *, labels: Sequence[str], fields: Fields, seed: int) -> None:
        super().__init__(labels=labels, fields=fields, seed=seed)
        needs_scaling = algorithm in SCALED
        self.scaler = require("river.preprocessing").StandardScaler() if needs_scaling else None
        self.binary = algorithm == "LR" and len(self.labels) == 2
        self.model = ALGORITHMS[algorithm](self)

    def encode(self, record: Record, *, learn: bool = False) -> dict[str, Any]:
        """The record as River expects it; with `learn` the scaler learns it first."""
        numbers, words = split_record(record)
        if self.scaler is None:
            return numbers | words
        if learn:
            self.scaler.learn_one(numbers)
        scaled: dict[str, Any] = self.scaler.transform_one(numbers)
        return scaled | {f"{name}={word}": 1.0 for name, word in words.items()}

    def vote(self, record: Record) -> Mapping[str, float]:
        """River's own probabilities."""
        votes: dict[Any, float] = self.model.predict_proba_one(self.encode(record))
        if self.binary:
            return {name: votes.get(bool(i), 0.0) for i, name in enumerate(self.labels)}
        return votes

    def train(self, record: Record, label: str) -> None:
        """Learn one example with River."""
        target = bool(self.label_index(label)) if self.binary else label
        self.model.learn_one(self.encode(record, learn=True), target)


def adaptive_random_forest(peer: RiverPeer) -> Any:
    """Gomes et al. 2017: online bagging of randomised Hoeffding trees with drift detectors."""
    return require("river.forest").ARFClassifier(n_models=ENSEMBLE_SIZE, seed=peer.seed)


def adaptive_tree(peer: RiverPeer) -> Any:
    """Bifet & Gavalda 2009: a Hoeffding tree that swaps branches on drift."""
    return require("river.tree").HoeffdingAdaptiveTreeClassifier(seed=peer.seed)


def hoeffding_tree(peer: RiverPeer) -> Any:
    """Hulten et al. 2001: an incremental decision tree."""
    return require("river.tree").HoeffdingTreeClassifier()


def random_patches(peer: RiverPeer) -> Any:
    """Gomes et al. 2019: bagging over random subsets of fields, with drift detectors."""
    return require("river.ensemble").SRPClassifier(n_models=ENSEMBLE_SIZE, seed=peer.seed)


def neighbours(peer: RiverPeer) -> Any:
    """Five nearest of the last 1,000, found through River's graph index."""
    near = require("river.neighbors")
    return near.KNNClassifier(engine=near.SWINN(seed=peer.seed))


def linear(peer: RiverPeer) -> Any:
    """Logistic regression for two labels, softmax regression otherwise, by SGD."""
    models = require("river.linear_model")
    return models.LogisticRegression() if peer.binary else models.SoftmaxRegression()


ALGORITHMS: dict[str, Callable[[RiverPeer], Any]] = {
    "ARF": adaptive_random_forest,
    "HAT": adaptive_tree,
    "HT": hoeffding_tree,
    "KNN": neighbours,
    "LR": linear,
    "SRP": random_patches,
}
SCALED = frozenset({"KNN", "LR"})
