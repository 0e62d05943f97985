"""Order: whether the last label is informative beyond the record, and how much evidence a run of
equal labels is.

Historical data are often sorted by label, and people label many examples of one label in a row.
Such an order is no property of the stream: experts that rely on it are right until it ends.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from quickstudy.encode.featuremap import LAST_LABELS
from quickstudy.experts.base import LEFT_OUT, State, widened
from quickstudy.experts.kernel import left_out_votes
from quickstudy.types import Floats

FREE_RUN = 3.0  # nats of surprise up to which a run counts in full: 1 in 20 by chance
RUN_GAIN = 8.0  # nats: the largest evidence from the repeats of one run for using the last label
OPENS = 5.0  # nats of evidence from which the last label is used; below 0 it is hidden again
OPENS_EACH = 0.01  # nats of evidence needed per example with a left-out vote
COARSE = 0.25  # sorted by label: fewer than this share of the changes of a random order
Ints = NDArray[np.int64]


class Order:
    """Measures how informative the order of the labels is.

    `told` tells whether experts see the last label. It is decided whenever the feature map is
    chosen, by left-out votes of two kernel regressions on the remembered examples, one of which
    reads the last label. Its gain in log-likelihood counts in full where the label changed. The
    gain over the repeats of one run counts up to 8 nats, and the first run of a label not at all:
    a file sorted by label is no evidence, however long it is.

    >>> order = Order()
    >>> order.grow(2)
    >>> order.evidence(np.array([0, 1, 0, 0, 1, 1])).round(2).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    >>> order.evidence(np.array([0] * 9)).round(2).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 0.99, 0.89, 0.82, 0.76]
    """

    def __init__(self) -> None:
        self.told = False
        self._uncounted = np.zeros(1)
        self._counts = np.zeros(1)
        self._run = np.array([-1.0, 0.0])  # its label; its surprise in nats

    def grow(self, labels: int) -> None:
        """Make room for `labels` labels."""
        self._counts = widened(self._counts, labels)

    def evidence(self, y: Ints) -> Floats:
        """Number of examples, in (0, 1], that each of the next labels `y` (n,) counts for.

        A run that is likely under the base rates counts in full. Beyond 3 nats of surprise the
        count grows like the logarithm of the run's length.
        """
        out = np.empty(len(y))
        _evidence(y, self._counts, self._run, self._uncounted, out)
        return out

    @property
    def uncounted(self) -> float:
        """Examples since the last map that did not count because they came in runs."""
        return 0.0 if self.told else float(self._uncounted[0])

    def mapped(self) -> None:
        """Reset `uncounted`: a map was chosen, and all remembered examples were relearned."""
        self._uncounted[0] = 0.0

    def judge(self, rows: Floats, y: Ints, last: Ints, weight: Floats) -> bool:
        """Decide whether experts see the last label; returns whether the decision has changed.

        Args:
            rows: features without the last label (n, d) of remembered examples, oldest first.
            y: their labels.
            last: the last label known at each, -1 for none.
            weight: number of examples that each represents.
        """
        gain = _gain(rows, y, last, weight)
        least = max(OPENS, OPENS_EACH * min(len(y), LEFT_OUT))
        before, self.told = self.told, gain > (0.0 if self.told else least)
        return before != self.told

    def state(self) -> State:
        return {
            "told": np.array([self.told]),
            "uncounted": self._uncounted,
            "counts": self._counts,
            "run": self._run,
        }

    def restore(self, state: State) -> None:
        """Restore a state; learners saved without one always showed the last label."""
        self.told = bool(state["told"][0]) if state else True
        if state:
            self._uncounted = state["uncounted"].copy()
            self._counts, self._run = state["counts"].copy(), state["run"].copy()


def coarse(y: Ints, last: Ints) -> bool:
    """Whether labels change less than a quarter as often as in a random order of them."""
    rates = np.bincount(y) / max(len(y), 1)
    return bool((y != last).sum() < COARSE * len(y) * (1.0 - (rates**2).sum()))


def _gain(rows: Floats, y: Ints, last: Ints, weight: Floats) -> float:
    """Gain in nats of left-out votes from the last label, bounded in each run."""
    labels = int(y.max()) + 1
    change = y != last
    if change.sum() < 2 or labels < 2:
        return 0.0
    frequent = np.argsort(-np.bincount(last[last >= 0]), kind="stable")[:LAST_LABELS]
    told = np.hstack([rows, (last[:, None] == frequent).astype(float)])
    free = left_out_votes(rows, y, weight, labels)
    gained = left_out_votes(told, y, weight, labels) - free
    recent = slice(len(y) - len(gained), None)
    return _bounded(gained, y[recent], change[recent], np.unique(y[: recent.start]))


def _bounded(gained: Floats, y: Ints, change: NDArray[np.bool_], seen: Ints) -> float:
    """Sum of `gained` (n,): at most 8 nats from a run's repeats, 0 from a label's first run."""
    met = set(seen.tolist())
    total = 0.0
    starts = np.flatnonzero(change)
    for start, stop in zip(starts, [*starts[1:], len(y)], strict=True):
        label = int(y[start])
        if label in met:
            total += gained[start] + min(gained[start + 1 : stop].sum(), RUN_GAIN)
        met.add(label)
    return float(total)


@njit(cache=True)
def _evidence(y, counts, run, uncounted, out):  # type: ignore[no-untyped-def]
    total = counts.sum()
    for i in range(len(y)):
        if y[i] != run[0]:
            run[0] = y[i]
            run[1] = 0.0
        run[1] -= np.log((counts[y[i]] + 1.0) / (total + len(counts)))
        out[i] = min(1.0, FREE_RUN / max(run[1], 1e-9))
        uncounted[0] += 1.0 - out[i]
        counts[y[i]] += 1.0
        total += 1.0
