"""Vowpal Wabbit as a peer: https://vowpalwabbit.org."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from quickstudy.evaluate.peers.base import Fields, Peer, require, split_record
from quickstudy.types import Record

RESERVED = re.compile(r"[\s:|]")


class VowpalWabbitPeer(Peer):
    """One linear model a label (`--oaa`), logistic loss, Vowpal Wabbit's normalised updates.

    Its number of outputs is fixed, so `labels` must hold every label. It scales fields itself.

    Args:
        quadratic: add the products of all pairs of fields (`-q ::`).
    """

    def __init__(
        self, *, quadratic: bool, labels: Sequence[str], fields: Fields, seed: int
    ) -> None:
        super().__init__(labels=labels, fields=fields, seed=seed)
        outputs = max(2, len(self.labels))
        options = f"--oaa {outputs} --probabilities --loss_function logistic --quiet"
        if quadratic:
            options += " -q ::"
        self.model = require("vowpalwabbit").Workspace(f"{options} --random_seed {seed}")

    def encode(self, record: Record) -> str:
        """The record in Vowpal Wabbit's text format, without a label.

        A missing value is left out; a category is a feature of its own, of weight 1.
        """
        numbers, words = split_record(record)
        parts = [f"{RESERVED.sub('_', name)}:{number!r}" for name, number in numbers.items()]
        parts += [RESERVED.sub("_", f"{name}={word}") for name, word in words.items()]
        return "| " + " ".join(parts)

    def vote(self, record: Record) -> Mapping[str, float]:
        """The normalised logistic outputs."""
        return dict(zip(self.labels, self.model.predict(self.encode(record)), strict=False))

    def train(self, record: Record, label: str) -> None:
        """One online step."""
        self.model.learn(f"{self.label_index(label) + 1} {self.encode(record)}")
