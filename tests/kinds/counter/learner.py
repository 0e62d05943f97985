"""`Counter`: predicts the most frequent label, as sure as that label is frequent."""

import numpy as np

from quickstudy.encode.inputs import plain_input
from quickstudy.learners.base import atomic, shared
from quickstudy.learners.decider import Decider
from quickstudy.learners.labels import LabelIndex, checked_label
from quickstudy.types import Prediction, Probabilities


class Counter(Decider):
    """Counts labels; a share is a count plus `prior`, of all counts plus `prior`."""

    _kind = "counter"
    _noun = "counter"

    def __init__(self, prior=1.0):
        super().__init__()
        self.prior = prior
        self._labels = LabelIndex()
        self._counts = np.zeros(0, np.int64)

    @property
    def labels(self):
        return tuple(self._labels.labels)

    @property
    def examples(self):
        return int(self._counts.sum())

    @property
    def counts(self):
        return Probabilities(self.labels, self._counts)

    @shared
    def predict_many(self, xs, *, as_is=False):
        shares = self._counts / (self.examples + self.prior)
        label, sure = None, 0.0
        if len(shares):
            label, sure = self.labels[int(shares.argmax())], float(shares.max())
        made = Prediction(
            label=label,
            confidence=sure,
            novelty=1.0 - float(shares.sum()),
            probabilities=Probabilities(self.labels, shares),
            votes=np.log(shares)[None, :],
        )
        return [made for _ in xs]

    @atomic
    def learn_many(self, xs, ys, *, predictions=None, as_is=False):
        keys = [checked_label(y) for y in ys]
        self._labels.add(self._labels.unknown(keys))
        more = np.bincount(self._labels.indices(keys), minlength=len(self._labels))
        more[: len(self._counts)] += self._counts
        self._counts = more

    @atomic
    def fade(self, by):
        self._counts = np.maximum(self._counts // by, 1)

    def check(self, x):
        plain_input(x)

    def _state(self):
        plain = {"kind": self._kind, "prior": self.prior, "labels": self._labels.labels}
        return {"counts": self._counts}, plain

    @classmethod
    def from_state(cls, arrays, plain):
        made = cls(plain["prior"])
        made._labels, made._counts = LabelIndex(plain["labels"]), arrays["counts"].copy()
        return made
