"""LightGBM, refitted on all history every 1,000 rows, as a peer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from quickstudy.evaluate.peers.base import Fields, Peer, require, split_record
from quickstudy.types import Floats, Record

FIRST_FIT = 100  # rows; LightGBM's leaves hold at least 20 examples, so fewer rows give no tree
TREES = 100  # of each label, LightGBM's default
REFIT_EVERY = 1_000  # rows; about what a nightly retraining job would give


class LightGBMPeer(Peer):
    """Gradient-boosted trees at LightGBM's defaults, retrained like a retraining pipeline.

    It refits after the 100th row and after every 1,000th row, on all rows so far; before that it
    answers with the shares of the labels. Categories become categorical columns of LightGBM and
    missing values NaN. A label that first came after the last refit has probability 0.
    """

    def __init__(self, *, labels: Sequence[str], fields: Fields, seed: int) -> None:
        super().__init__(labels=labels, fields=fields, seed=seed)
        self.library = require("lightgbm")
        self.columns: dict[tuple[str, bool], int] = {}
        self.codes: dict[str, dict[str, int]] = {}
        self.rows: list[Floats] = []
        self.targets: list[str] = []
        self.booster: Any = None
        self.outputs: tuple[str, ...] = ()
        self.width = 0

    def encode(self, record: Record, width: int) -> Floats:
        """The record as a row of known columns; unknown fields and categories are missing."""
        row = np.full(width, np.nan)
        numbers, words = split_record(record)
        for name, number in numbers.items():
            column = self.columns.get((name, False), width)
            if column < width:
                row[column] = number
        for name, word in words.items():
            column = self.columns.get((name, True), width)
            if column < width:
                row[column] = self.codes[name].get(word, np.nan)
        return row

    def register(self, record: Record) -> None:
        """Give new fields a column and new categories a code."""
        numbers, words = split_record(record)
        for name in numbers:
            self.columns.setdefault((name, False), len(self.columns))
        for name, word in words.items():
            self.columns.setdefault((name, True), len(self.columns))
            codes = self.codes.setdefault(name, {})
            codes.setdefault(word, len(codes))

    def vote(self, record: Record) -> Mapping[str, float]:
        """The booster's probabilities; nothing before the first fit."""
        if self.booster is None:
            return {}
        row = self.encode(record, self.width)[None, :]
        found = np.atleast_1d(self.booster.predict(row, num_threads=1)[0])
        if len(self.outputs) == 2:
            found = np.array([1.0 - found[0], found[0]])
        return dict(zip(self.outputs, found.tolist(), strict=True))

    def train(self, record: Record, label: str) -> None:
        """Store the example; refit if a refit is due."""
        self.register(record)
        self.rows.append(self.encode(record, len(self.columns)))
        self.targets.append(label)
        if len(self.rows) == FIRST_FIT or len(self.rows) % REFIT_EVERY == 0:
            self.refit()

    def refit(self) -> None:
        """Fit a new model on all rows so far, unless there is only one label."""
        if len(set(self.targets)) < 2:
            return
        self.width = len(self.columns)
        table = np.full((len(self.rows), self.width), np.nan)
        for i, row in enumerate(self.rows):
            table[i, : len(row)] = row
        labels, target = np.unique(self.targets, return_inverse=True)
        settings = {"seed": self.seed, "num_threads": 1, "verbosity": -1, "objective": "binary"}
        if len(labels) > 2:
            settings |= {"objective": "multiclass", "num_class": len(labels)}
        categorical = [i for (_, is_word), i in self.columns.items() if is_word]
        data = self.library.Dataset(table, target, categorical_feature=categorical)
        self.booster = self.library.train(settings, data, num_boost_round=TREES)
        self.outputs = tuple(str(label) for label in labels)
