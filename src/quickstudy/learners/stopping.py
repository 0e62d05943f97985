"""Stopping runs that will fail, certified: of the runs it stops, at most q would have succeeded.

The score of a run is the largest failure probability that was said of it so far. A policy stops a
run when its score first passes the policy's threshold; each policy is tested as a whole, on the
runs that it would stop, as acting is (`quickstudy.stats.risk`). Until a policy is certified nothing
is stopped and every end is known. From then on a share of the runs that would be stopped is left
alone, by a logged coin; only their ends count, and the end of a run that was told to stop and went
on does not. A run whose end never comes to be known counts as one that would have succeeded.

Evidence is taken in the order in which runs first passed a threshold, not in that of their ends:
how long a run takes tells of its end, and those that fail fast would come in first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from quickstudy.stats.certificate import Certificate, Guard
from quickstudy.stats.controller import FRACTIONS, Controller
from quickstudy.stats.risk import coin
from quickstudy.types import Floats

MARGIN = 0.02  # of the way to certainty: scores of like runs lie close, and drift a little
MOST_WAITING = 10_000  # runs that passed a threshold and are not yet counted


@dataclass
class Passed:
    """A run that passed the threshold of some policy."""

    id: str
    passed: list[bool]  # of each policy
    score: float
    probability: float = 1.0  # of its end being known
    audited: bool = False
    stopped: bool = False
    closed: bool = False
    succeeded: bool | None = None


class StopRule:
    """Says of each step whether its run is to be stopped.

    Parameters:
        error: q in (0, 1).
        alpha: in (0, 1), the chance of ever stopping by a policy that errs more than q.
        audit: share, in (0, 1], of the runs that would be stopped that is left alone.
        seed: of the audit coins.
    """

    def __init__(self, error: float, *, alpha: float, audit: float, seed: int) -> None:
        self.error, self.alpha, self.audit, self.seed = error, alpha, audit, seed
        self.controller = Controller(error)
        self.certificate = Certificate(error, alpha=alpha, policies=len(FRACTIONS))
        self.guard = Guard(error)
        self.tosses = 0
        self.scores: dict[str, float] = {}  # of open runs
        self.waiting: dict[str, Passed] = {}  # in the order in which they passed

    def step(self, id: str, success: float) -> bool:
        """Whether the run is to be stopped, now that its success probability is `success`."""
        score = max(self.scores.get(id, 0.0), 1.0 - success)
        self.scores[id] = score
        passed = score >= self.thresholds
        if id not in self.waiting:
            if not passed.any():
                return False
            self.waiting[id] = Passed(id, passed.tolist(), score)
        case = self.waiting[id]
        if case.closed:
            return case.stopped
        case.score = score
        case.passed = (np.array(case.passed) | passed).tolist()
        level = self.certificate.level
        if level == 0 or case.audited or not case.passed[level - 1]:
            return False
        return self._stop(case)

    @property
    def thresholds(self) -> Floats:
        """Score from which each policy stops a run: a little above what the controller proposes."""
        proposed = self.controller.thresholds
        return np.asarray(proposed + MARGIN * np.maximum(1.0 - proposed, 0.0))

    def _stop(self, case: Passed) -> bool:
        """Stop it, or leave it alone as an audit."""
        case.probability = self.audit
        case.audited = coin(self.seed, self.tosses) < self.audit
        self.tosses += 1
        if not case.audited:
            case.stopped = case.closed = True
            self._count()
        return not case.audited

    def close(self, id: str, succeeded: bool | None) -> None:
        """The run ended, or with None: its end will never be known."""
        score = self.scores.pop(id, None)
        case = self.waiting.get(id)
        if case is None:
            if score is not None and succeeded is not None:
                self.controller.observe(score)
                self.controller.record(score, succeeded)
        elif not case.closed:
            case.closed, case.succeeded = True, succeeded is not False
            self._count()
        elif case.stopped and not self._holds(case):
            del self.waiting[id]

    def _holds(self, case: Passed) -> bool:
        """Whether it still has to be counted."""
        return case.probability > 0.0

    def _count(self) -> None:
        """Take in, in order, the runs that nothing before them keeps waiting."""
        for id in list(self.waiting):
            case = self.waiting[id]
            if not case.closed:
                if len(self.waiting) <= MOST_WAITING:
                    return
                case.closed, case.succeeded = True, True  # too long: as if its end never came
            if self._holds(case):
                self._take(case)
                case.probability = 0.0
            if id not in self.scores:
                del self.waiting[id]

    def _take(self, case: Passed) -> None:
        wrong = None if case.stopped else bool(case.succeeded)
        acting = case.stopped or case.audited
        smallest = self.audit if acting or self.certificate.level else 1.0
        self.certificate.update(
            np.array(case.passed), wrong, label_probability=case.probability, smallest=smallest
        )
        self.controller.observe(case.score)
        if wrong is not None:
            self.controller.record(case.score, wrong, label_probability=case.probability)
        if acting and self.guard.update(wrong, label_probability=case.probability):
            self.certificate.step_down()
            self.controller.forget()

    def anew(self, error: float) -> StopRule:
        """A rule for another promise, of which nothing is proved; it tosses other coins."""
        made = StopRule(error, alpha=self.alpha, audit=self.audit, seed=self.seed)
        made.tosses, made.scores = self.tosses, dict(self.scores)
        return made

    def report(self) -> dict[str, Any]:
        """How the certificate stands."""
        return {
            "level": self.certificate.level,
            "log_evidence": self.certificate.log_evidence.tolist(),
            "log_bar": self.certificate.log_bar,
            "error": self.error,
            "thresholds": [float(t) if np.isfinite(t) else 1.0 for t in self.thresholds],
            "audit_rate": self.audit,
            "alarms": self.guard.alarms,
        }

    def state(self) -> dict[str, Any]:
        return {
            "error": self.error,
            "alpha": self.alpha,
            "audit": self.audit,
            "seed": self.seed,
            "tosses": self.tosses,
            "scores": list(self.scores.items()),
            "waiting": [asdict(case) for case in self.waiting.values()],
            "controller": self.controller.state(),
            "certificate": self.certificate.state(),
            "guard": self.guard.state(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> StopRule:
        """The rule that gave this state."""
        made = cls(state["error"], alpha=state["alpha"], audit=state["audit"], seed=state["seed"])
        made.tosses = state["tosses"]
        made.scores = dict(state["scores"])
        made.waiting = {case["id"]: Passed(**case) for case in state["waiting"]}
        made.controller = Controller.from_state(state["controller"])
        made.certificate = Certificate.from_state(state["certificate"])
        made.guard = Guard.from_state(state["guard"])
        return made
