"""Certified stopping of runs that will fail: at most a share q of them would have succeeded.

The score of a run is the largest failure probability predicted for it so far. A policy stops a run
when its score first reaches the policy's threshold; each policy is tested as a whole on the runs
that it would stop, like acting in `quickstudy.stats.risk`. Until a policy is certified no run is
stopped and every end is known. From then on a seeded draw decides which of the runs to be stopped
continue as audits; only the ends of audited runs count. The end of a run that was told to stop but
continued does not count. A run whose end stays unknown counts as one that would have succeeded.

Evidence for a policy is counted in the order in which runs reached its threshold, not in the order
of their ends: the length of a run depends on its end, and runs that fail fast would be counted
first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from quickstudy.stats.certificate import Certificate, Guard
from quickstudy.stats.controller import FRACTIONS, Controller
from quickstudy.stats.draws import coin
from quickstudy.types import Floats

MARGIN = 0.02  # share of the way to 1: scores of similar runs lie close, and drift a little
HIGHEST = 0.985  # largest threshold: few scores are closer to 1
MOST_WAITING = 10_000  # runs queued behind an open one before it is counted as a success
POLICIES = len(FRACTIONS)


@dataclass
class Case:
    """A run: its score, whether it was stopped or audited, and which policies still count it."""

    score: float = 0.0
    probability: float = 1.0  # that its end becomes known
    audited: bool = False
    stopped: bool = False
    closed: bool = False  # its end is known, or will never be
    over: bool = False  # there will be no more steps
    wrong: bool | None = None  # whether stopping it was wrong; None if its end does not count
    passed: list[bool] = field(default_factory=lambda: [False] * POLICIES)
    uncounted: int = 0  # policies that must still count it


class StopRule:
    """Decides after each step whether to stop the run. The number of a run is never used again.

    Parameters:
        error: q in (0, 1).
        alpha: in (0, 1), the chance of ever stopping by a policy whose error is larger than q.
        audit: share, in (0, 1], of the runs to be stopped that continue as audits.
        seed: seed of the audit draws.
    """

    def __init__(self, error: float, *, alpha: float, audit: float, seed: int) -> None:
        self.error, self.alpha, self.audit, self.seed = error, alpha, audit, seed
        self.controller = Controller(error)
        self.certificate = Certificate(error, alpha=alpha, policies=POLICIES)
        self.guard = Guard(error)
        self.tosses = 0
        self.unknown = 0  # runs that reached a threshold and whose end stayed unknown
        self.cases: dict[int, Case] = {}  # runs that are open or must still be counted
        self.queues: list[list[int]] = [[] for _ in range(POLICIES)]  # in order of reaching

    @property
    def thresholds(self) -> Floats:
        """Score from which each policy stops a run: a little above the controller's threshold."""
        proposed = self.controller.thresholds
        raised = np.minimum(proposed + MARGIN * np.maximum(1.0 - proposed, 0.0), HIGHEST)
        return np.where(np.isfinite(proposed), raised, np.inf)

    def step(self, run: int, success: float) -> bool:
        """Decide whether to stop the run, whose success probability is now `success`."""
        case = self.cases.setdefault(run, Case())
        if case.stopped:
            return True
        case.score = max(case.score, 1.0 - success)
        self._enqueue(run, case)
        level = self.certificate.level
        if level == 0 or case.audited or not case.passed[level - 1]:
            return False
        return self._stop(case)

    def _enqueue(self, run: int, case: Case) -> None:
        """Enter the queue of every policy whose threshold was reached."""
        for policy, threshold in enumerate(self.thresholds):
            if case.score >= threshold and not case.passed[policy]:
                case.passed[policy] = True
                self.queues[policy].append(run)
                case.uncounted += 1

    def _stop(self, case: Case) -> bool:
        """Stop the run, or let it continue as an audit; returns whether it is stopped."""
        case.probability = self.audit
        case.audited = coin(self.seed, self.tosses) < self.audit
        self.tosses += 1
        if not case.audited:
            case.stopped = case.closed = True
            self._observe(case)
            self._count()
        return not case.audited

    def close(self, run: int, succeeded: bool | None) -> bool:
        """Close a run (None: its end stays unknown); returns whether it had been stopped."""
        case = self.cases.get(run)
        if case is None:
            return False
        case.over = True
        if not case.stopped:
            case.closed = True
            case.wrong = succeeded is not False
            self.unknown += succeeded is None and case.uncounted > 0
            if succeeded is not None or case.uncounted:
                self._observe(case)
        if case.uncounted == 0:
            self.cases.pop(run, None)
        self._count()
        return case.stopped

    def _observe(self, case: Case) -> None:
        """Update controller and guard with a closed run, once."""
        self.controller.observe(case.score)
        if case.wrong is not None:
            self.controller.record(case.score, case.wrong, label_probability=case.probability)
        acted = case.stopped or case.audited
        if acted and self.guard.update(case.wrong, label_probability=case.probability):
            self.certificate.step_down()
            self.controller.forget()
            self._clear_queues()

    def _clear_queues(self) -> None:
        """Drop the queued runs after an alarm: they are no evidence for the next attempt."""
        self.queues = [[] for _ in range(POLICIES)]
        for case in self.cases.values():
            case.uncounted, case.passed = 0, [False] * POLICIES
        self.cases = {run: case for run, case in self.cases.items() if not case.over}

    def _count(self) -> None:
        """Let each policy count, in the order of its queue, runs up to the first that is open."""
        for policy, queue in enumerate(self.queues):
            taken = 0
            for run in queue:
                case = self.cases[run]
                if not case.closed and len(queue) - taken <= MOST_WAITING:
                    break
                self._count_run(policy, case)
                taken += 1
                if case.uncounted == 0 and case.over:
                    del self.cases[run]
            del queue[:taken]

    def _count_run(self, policy: int, case: Case) -> None:
        """Add one run to the evidence for a policy."""
        case.uncounted -= 1
        wrong = case.wrong if case.closed else True
        acting = case.probability < 1.0 or self.certificate.level > 0
        self.certificate.update(
            np.arange(POLICIES) == policy,
            wrong,
            label_probability=case.probability,
            smallest=self.audit if acting else 1.0,
        )

    def reset(self, error: float) -> StopRule:
        """A rule for another error, without evidence; its audit draws continue those of this rule.

        Runs that were told to stop remain stopped, and are no evidence for the new rule.
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
        """The certificate's level, evidence and thresholds, for users."""
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
