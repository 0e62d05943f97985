"""Stopping runs that will fail, certified: of the runs it stops, at most q would have succeeded.

The score of a run is the largest failure probability that was said of it so far. A policy stops a
run when its score first passes the policy's threshold; each policy is tested as a whole, on the
runs that it would stop, as acting is (`quickstudy.stats.risk`). Until a policy is certified nothing
is stopped and every end is known. From then on a share of the runs that would be stopped is left
alone, by a logged coin; only their ends count, and the end of a run that was told to stop and went
on does not. A run whose end never comes to be known counts as one that would have succeeded.

Evidence for a policy is taken in the order in which runs passed its threshold, not in that of their
ends: how long a run takes tells of its end, and those that fail fast would come in first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from quickstudy.stats.certificate import Certificate, Guard
from quickstudy.stats.controller import FRACTIONS, Controller
from quickstudy.stats.risk import coin
from quickstudy.types import Floats

MARGIN = 0.02  # of the way to certainty: scores of like runs lie close, and drift a little
HIGHEST = 0.985  # threshold: no probability comes nearer to certainty than 0.01
MOST_WAITING = 10_000  # runs that a policy waits for before it counts an open one as a success
POLICIES = len(FRACTIONS)


@dataclass
class Case:
    """A run: its score, and what was done about it."""

    score: float = 0.0
    probability: float = 1.0  # of its end being known
    audited: bool = False
    stopped: bool = False
    closed: bool = False  # what can be known of it is known
    over: bool = False  # there will be no more steps
    wrong: bool | None = None  # to stop it; None where that may not count
    passed: list[bool] = field(default_factory=lambda: [False] * POLICIES)
    uncounted: int = 0  # policies that have still to count it


class StopRule:
    """Says of each step whether its run is to be stopped. Runs go by numbers that never return.

    Parameters:
        error: q in (0, 1).
        alpha: in (0, 1), the chance of ever stopping by a policy that errs more than q.
        audit: share, in (0, 1], of the runs that would be stopped that is left alone.
        seed: of the audit coins.
    """

    def __init__(self, error: float, *, alpha: float, audit: float, seed: int) -> None:
        self.error, self.alpha, self.audit, self.seed = error, alpha, audit, seed
        self.controller = Controller(error)
        self.certificate = Certificate(error, alpha=alpha, policies=POLICIES)
        self.guard = Guard(error)
        self.tosses = 0
        self.unknown = 0  # ends that never came, of runs that passed a threshold
        self.cases: dict[int, Case] = {}  # open, or still to be counted
        self.queues: list[list[int]] = [[] for _ in range(POLICIES)]  # in the order of passing

    @property
    def thresholds(self) -> Floats:
        """Score from which each policy stops a run: a little above what the controller proposes."""
        proposed = self.controller.thresholds
        raised = np.minimum(proposed + MARGIN * np.maximum(1.0 - proposed, 0.0), HIGHEST)
        return np.where(np.isfinite(proposed), raised, np.inf)

    def step(self, run: int, success: float) -> bool:
        """Whether the run is to be stopped, now that its success probability is `success`."""
        case = self.cases.setdefault(run, Case())
        if case.stopped:
            return True
        case.score = max(case.score, 1.0 - success)
        self._pass(run, case)
        level = self.certificate.level
        if level == 0 or case.audited or not case.passed[level - 1]:
            return False
        return self._stop(case)

    def _pass(self, run: int, case: Case) -> None:
        """Line up before every policy whose threshold was passed."""
        for policy, threshold in enumerate(self.thresholds):
            if case.score >= threshold and not case.passed[policy]:
                case.passed[policy] = True
                self.queues[policy].append(run)
                case.uncounted += 1

    def _stop(self, case: Case) -> bool:
        """Stop it, or leave it alone as an audit."""
        case.probability = self.audit
        case.audited = coin(self.seed, self.tosses) < self.audit
        self.tosses += 1
        if not case.audited:
            case.stopped = case.closed = True
            self._watch(case)
            self._count()
        return not case.audited

    def close(self, run: int, succeeded: bool | None) -> bool:
        """The run ended, or with None: its end will never be known. Whether it had been stopped."""
        case = self.cases.get(run)
        if case is None:
            return False
        case.over = True
        if not case.stopped:
            case.closed = True
            case.wrong = succeeded is not False
            self.unknown += succeeded is None and case.uncounted > 0
            if succeeded is not None or case.uncounted:
                self._watch(case)
        if case.uncounted == 0:
            self.cases.pop(run, None)
        self._count()
        return case.stopped

    def _watch(self, case: Case) -> None:
        """Controller and guard see a run once, when it is known what became of it."""
        self.controller.observe(case.score)
        if case.wrong is not None:
            self.controller.record(case.score, case.wrong, label_probability=case.probability)
        acted = case.stopped or case.audited
        if acted and self.guard.update(case.wrong, label_probability=case.probability):
            self.certificate.step_down()
            self.controller.forget()
            self._dismiss()

    def _dismiss(self) -> None:
        """Runs that passed a threshold before an alarm are no evidence for the next attempt."""
        self.queues = [[] for _ in range(POLICIES)]
        for case in self.cases.values():
            case.uncounted, case.passed = 0, [False] * POLICIES
        self.cases = {run: case for run, case in self.cases.items() if not case.over}

    def _count(self) -> None:
        """Have each policy take in, in its order, runs that nothing before them keeps waiting."""
        for policy, queue in enumerate(self.queues):
            taken = 0
            for run in queue:
                case = self.cases[run]
                if not case.closed and len(queue) - taken <= MOST_WAITING:
                    break
                self._take(policy, case)
                taken += 1
                if case.uncounted == 0 and case.over:
                    del self.cases[run]
            del queue[:taken]

    def _take(self, policy: int, case: Case) -> None:
        """One more run in the evidence for a policy."""
        case.uncounted -= 1
        wrong = case.wrong if case.closed else True
        acting = case.probability < 1.0 or self.certificate.level > 0
        self.certificate.update(
            np.arange(POLICIES) == policy,
            wrong,
            label_probability=case.probability,
            smallest=self.audit if acting else 1.0,
        )

    def anew(self, error: float) -> StopRule:
        """A rule for another promise, of which nothing is proved; it tosses other coins.

        Runs that were told to stop stay so, and are no evidence for it.
        """
        made = StopRule(error, alpha=self.alpha, audit=self.audit, seed=self.seed)
        made.tosses = self.tosses
        made.cases = {
            run: Case(case.score, case.probability, case.audited, case.stopped, case.stopped)
            for run, case in self.cases.items()
            if not case.over
        }
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
            "unknown": self.unknown,
        }

    def state(self) -> dict[str, Any]:
        return {
            "error": self.error,
            "alpha": self.alpha,
            "audit": self.audit,
            "seed": self.seed,
            "counts": [self.tosses, self.unknown],
            "cases": [[run, asdict(case)] for run, case in self.cases.items()],
            "queues": self.queues,
            "controller": self.controller.state(),
            "certificate": self.certificate.state(),
            "guard": self.guard.state(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> StopRule:
        """The rule that gave this state."""
        made = cls(state["error"], alpha=state["alpha"], audit=state["audit"], seed=state["seed"])
        made.tosses, made.unknown = state["counts"]
        made.cases = {run: Case(**case) for run, case in state["cases"]}
        made.queues = [list(queue) for queue in state["queues"]]
        made.controller = Controller.from_state(state["controller"])
        made.certificate = Certificate.from_state(state["certificate"])
        made.guard = Guard.from_state(state["guard"])
        return made
