"""The ensemble: all experts of a mixture, and the pool that weights their votes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from quickstudy.experts.base import LEFT_OUT, Batch, Expert, State
from quickstudy.experts.pool import MEMBERS, Pool
from quickstudy.experts.refitted import SlowExpert
from quickstudy.learners.classifier.answers import log_outputs, padded
from quickstudy.learners.classifier.refits import Fitted
from quickstudy.types import Floats

LEFT_OUT_SHARE, LEAST_LEFT_OUT = 0.5, 100  # of the budget, for left-out votes; rows at least


class Ensemble:
    """Experts and their pool. Outputs are the E votes of the experts and the M pool members."""

    def __init__(self, experts: list[Expert], *, labels: int) -> None:
        self.experts = experts
        fading = [fades for e in experts for fades in e.fading]
        self.fades = any(fading)
        self.outputs = len(fading) + MEMBERS
        self.pool = Pool(len(fading), fading=fading)
        self.slow = [e for e in experts if isinstance(e, SlowExpert)]
        self.grow(labels)

    def grow(self, labels: int) -> None:
        """Make room for `labels` labels."""
        for expert in self.experts:
            expert.grow(labels)

    def predict(self, batch: Batch) -> tuple[Floats, Floats]:
        """Pooled probabilities (n, K), and log-probabilities of all outputs (n, E + M, K)."""
        if batch.labels == 0:
            votes = np.zeros((self.outputs - MEMBERS, len(batch), 0))
        else:
            votes = np.concatenate([e.predict(batch) for e in self.experts])
        p, members = self.pool.predict(votes)
        return p, log_outputs(votes, members)

    def learn(self, batch: Batch, earlier: list[Floats]) -> tuple[Floats, Floats]:
        """Learn a batch; returns what `predict` said of each row before the row was learned.

        `earlier` is empty, or holds for each row the outputs (E + M, K) at the time of its
        prediction: then the pool is scored and answers by these.
        """
        votes = np.concatenate([e.learn(batch) for e in self.experts])
        members_then = None
        if earlier:
            then = np.stack([padded(outputs, batch.labels) for outputs in earlier], axis=1)
            votes, members_then = then[:-MEMBERS], np.exp(then[-MEMBERS:])
        p, members = self.pool.learn(votes, batch.y, members_then, evidence=batch.evidence)
        return p, log_outputs(votes, members)

    def teach_experts(self, batch: Batch) -> None:
        """Let the experts learn a batch, without an update of the pool."""
        for expert in self.experts:
            expert.learn(batch)

    def relearn(self, batch: Batch, budget_mb: float) -> tuple[Floats, NDArray[np.int64]] | None:
        """Let the experts relearn all remembered examples, on a new feature map.

        The pool is stacked on their left-out votes. Where the examples were `filed` by label, only
        these votes tell which experts know the labels, since each example was predicted while its
        own label came; the pool is then also graded by them.

        Returns:
            The stacked left-out probabilities and their labels; None if none were computed.
        """
        left_out: list[Floats] = []
        which: list[int] = []
        output = 0
        judged = np.flatnonzero(batch.judged())
        most = LEFT_OUT_SHARE * budget_mb * 2**20 / (8 * self.outputs * max(batch.labels, 1))
        judged = judged[-max(int(most), LEAST_LEFT_OUT) :]
        for expert in self.experts:
            found = expert.relearn(batch)
            if found is not None:
                left_out.append(found[:, judged])
                which += range(output, output + len(found))
            output += len(expert.names)
        labels = len(np.unique(batch.y))  # experts cannot be compared on a single label
        wanted = batch.filed or len(batch) <= LEFT_OUT
        if not (wanted and labels > 1 and len(judged) and left_out):
            return None
        votes, y = np.concatenate(left_out), batch.y[-LEFT_OUT:][judged]
        if batch.filed:
            self.pool.regrade(votes, which, y)
        return self.pool.stack(votes, which, y), y

    def fitted(self, experts: list[SlowExpert], *, count: int, maps: int) -> Fitted:
        """The arrays of slow experts that were just refitted."""
        due = {self.experts.index(e): e for e in experts}
        arrays = {f"{i}/{n}": a for i, e in due.items() for n, a in e.fitted().items()}
        return Fitted(count=count, maps=maps, places=list(due), arrays=arrays)

    def install(self, fitted: Fitted, *, maps: int, labels: int) -> None:
        """Take over slow experts that were fitted elsewhere.

        An expert that reads the feature map is dropped if it was fitted under another map.
        """
        for i in fitted.places if len(self.experts) > max(fitted.places, default=-1) else ():
            expert = self.experts[i]
            same_map = fitted.maps == maps
            if isinstance(expert, SlowExpert) and (same_map or not expert.reads_map):
                prefix = f"{i}/"
                state = {
                    n.removeprefix(prefix): a
                    for n, a in fitted.arrays.items()
                    if n.startswith(prefix)
                }
                expert.install(state, labels)

    def state(self) -> dict[str, State]:
        """Arrays by group: the pool, and each expert by its place."""
        groups = {f"expert{i}": e.state() for i, e in enumerate(self.experts)}
        return {"pool": self.pool.state()} | groups

    def restore(self, groups: dict[str, State]) -> None:
        self.pool.restore(groups["pool"])
        for i, expert in enumerate(self.experts):
            expert.restore(groups[f"expert{i}"])
