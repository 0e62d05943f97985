"""Autonomy: levels that are earned by evidence, capped by people, and lost after an alarm.

`Autonomy` wraps risk control (`ActOrAsk`) and is a deterministic state machine: no clock, no input
or output; the same calls lead to the same state, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstudy.api.guardrails import LEVELS, AutonomyReport, Level, LevelChange
from quickstudy.stats.certificate import Guard
from quickstudy.stats.risk import ActOrAsk, Decision
from quickstudy.types import Floats, Label

ENOUGH_TO_SUGGEST = 0.5  # share of the log evidence of a certificate that leaves the shadow
WATCHED_ERRORS = (0.1, 0.2, 0.4)  # for which the guard's delay is reported
CLEARLY = 1.5  # times the allowed error: the delay for a smaller excess is not reported
RUNS = 200  # of the guard's simulation
# before the jump of the error: cases, at most so many audits, and the error as a share of eps
PEACE_CASES, PEACE_AUDITS, PEACE_ERROR = 2000, 200, 0.6
AT_ONCE = 25  # audits of each run that are drawn at once
NEVER = 1e299  # cases between false alarms
ROUNDING = 1e-9  # of a share of a count


@dataclass(frozen=True, slots=True)
class GatedDecision:
    """The decision on one case after level and limits.

    Attributes:
        decision: the decision of risk control, changed to "ask" by the level or a limit.
        held: the answer would be acted on, and is held until a person approves.
    """

    decision: Decision
    held: bool = False


def vetoed(made: GatedDecision) -> GatedDecision:
    """The decision if a limit forbids acting: the case is asked with certainty.

    The certificate stays valid. It requires that the label probability pi of a case is fixed before
    the label is known, and is at least pi_min: a limit depends on the case, not on its label, and
    pi becomes 1. `would_act` and `smallest` (pi_min) stay as they are, since other cases of the
    same policies may still be acted on. The guard counts only cases that were acted on.
    """
    return GatedDecision(_asked(made.decision))


def _asked(decision: Decision, **other: Any) -> Decision:
    return replace(
        decision, act=False, audit=False, ask=True, label_probability=1.0, policy=0, **other
    )


@dataclass(frozen=True, slots=True)
class LevelTransition:
    """A change of level, with its reason."""

    before: Level
    after: Level
    why: str


class Autonomy:
    """Decides on each case: risk control proposes a decision, the level may change it to "ask".

    The level rises one step at a time, at most once per recorded outcome (a label that was due, or
    its absence), and never above the ceiling:

        shadow -> suggest    the strictest policy has half of the log evidence of a certificate
        suggest -> approve   a policy is certified
        approve -> act       a policy is certified, and of the answers held at this level at least
                             `approvals` were found right and at most 1 - target wrong; an answer
                             without a label in time counts as wrong, as everywhere

    The evidence may be that of any guarantee, including those of labels with a target of their own.
    An alarm of the guard lowers the level from act to approve and resets the approvals; if nothing
    is certified after the alarm, the next outcome lowers the level to suggest. A lower ceiling
    applies at once.

    Below "act" every case is asked, with label probability pi = 1. That keeps the certificate
    valid: pi is known before the label, and pi_min, the least pi that a case could have had at this
    level, is 1 as well, so evidence grows at full speed. The decision of each policy is recorded
    all the same. The guard counts answers that were acted on, and no others.

    Parameters:
        risk: risk control; this object takes ownership of it.
        start: the level to start with, lowered to the ceiling. "act" acts as soon as a policy is
            certified, without approvals.
        ceiling: the highest level that people allow.
        approvals: number of held answers that must be found right, at least 0.

    >>> autonomy = Autonomy(ActOrAsk(0.9, seed=1), start="shadow", ceiling="act", approvals=3)
    >>> for i in range(300):
    ...     made = autonomy.decide(0.99, "spam")
    ...     autonomy.record(made, False if made.decision.labelled else None)
    ...     for step in autonomy.pop_level_changes():
    ...         print(i, step.before, "->", step.after, "as", step.why)
    54 shadow -> suggest as the evidence is 1.8, half of the 3.5 that a certificate takes
    76 suggest -> approve as a policy is certified
    79 approve -> act as 3 of 3 held answers were approved
    """

    def __init__(self, risk: ActOrAsk, *, start: Level, ceiling: Level, approvals: int) -> None:
        self.risk = risk
        self.ceiling = ceiling
        self.approvals = approvals
        self.level = _lower(start, ceiling)
        self.approved = self.refused = 0
        self._since = risk.number  # the first case whose approval counts
        self._alarmed = False  # the guard raised an alarm, and nothing was certified since
        self._changes: list[LevelTransition] = []

    def decide(
        self, confidence: float, label: Label | None, *, eligible: bool = True
    ) -> GatedDecision:
        """Decide on a case with the answer `label` at `confidence` in [0, 1].

        `eligible`: whether a policy may act on such a case; see `ActOrAsk.decide`.

        Raises:
            InputError: the confidence is out of its range; nothing was changed.
        """
        made = self.propose(confidence, label, eligible=eligible)
        self.accept(made)
        return made

    def propose(
        self, confidence: float, label: Label | None, *, eligible: bool = True
    ) -> GatedDecision:
        """The decision that `decide` would make; changes nothing.

        Raises:
            InputError: the confidence is out of its range.
        """
        decision = self.risk.propose(confidence, label, eligible=eligible)
        if self.level == "act":
            return GatedDecision(decision)
        held = decision.act and self.level == "approve"
        return GatedDecision(_asked(decision, smallest=1.0), held)

    def accept(self, made: GatedDecision) -> None:
        """Advance to the next case after a decision that was proposed, and perhaps vetoed.

        Raises:
            InputError: it was proposed for another case; nothing was changed.
        """
        self.risk.accept(made.decision)

    @property
    def min_label_probability(self) -> float:
        """The least label probability of any case at present: 1 below the level "act"."""
        return self.risk.smallest if self.level == "act" else 1.0

    def record(self, made: GatedDecision, wrong: bool | None) -> None:
        """Close a case, as `ActOrAsk.record` does; the level may change.

        Raises:
            InputError: an outcome where none was due; nothing was changed.
        """
        alarm = self.risk.record(made.decision, wrong)
        if made.held and self.level == "approve" and made.decision.number >= self._since:
            right = wrong is not None and not wrong
            self.approved += right
            self.refused += not right
        if alarm:
            self._fall(made.decision.label)
        elif made.decision.labelled:
            self._next()

    def set_bounds(self, *, ceiling: Level, approvals: int) -> None:
        """Set ceiling and approvals: a lower ceiling lowers the level at once."""
        self.ceiling, self.approvals = ceiling, approvals
        if _lower(self.level, ceiling) != self.level:
            self._to(ceiling, f"the ceiling was lowered to {ceiling}")

    def pop_level_changes(self) -> list[LevelTransition]:
        """Return and clear the changes of level since the last call; not part of the state."""
        changes, self._changes = self._changes, []
        return changes

    def _to(self, level: Level, why: str) -> None:
        self._changes.append(LevelTransition(self.level, level, why))
        self.level = level
        self._reset_approvals()

    def _reset_approvals(self) -> None:
        self.approved = self.refused = 0
        self._since = self.risk.number

    def _fall(self, label: Label | None) -> None:
        self._alarmed = self.risk.certified == 0
        allowed = self.risk.report(label)["error"]
        if self.level == "act":
            self._to("approve", f"the guard saw more than {allowed:.3g} of its answers wrong")
        self._reset_approvals()

    def _next(self) -> None:
        """Change the level by one step if a step is due."""
        certified = self.risk.certified
        self._alarmed = self._alarmed and not certified
        if self._alarmed and self.level == "approve":
            self._to("suggest", "no policy is certified any more")
        elif self.level != self.ceiling:
            self._rise(certified)

    def _rise(self, certified: int) -> None:
        if self.level == "shadow":
            evidence, bar = self.evidence()
            if certified:
                self._to("suggest", "a policy is certified")
            elif evidence >= ENOUGH_TO_SUGGEST * bar:
                needed = f"half of the {bar:.1f} that a certificate takes"
                self._to("suggest", f"the evidence is {evidence:.1f}, {needed}")
        elif self.level == "suggest" and certified:
            self._to("approve", "a policy is certified")
        elif self.level == "approve" and certified and self.enough_approved:
            held = self.approved + self.refused
            approved = f"{self.approved} of {held} held answers were approved"
            self._to("act", approved if held else "no approvals are asked for")

    @property
    def enough_approved(self) -> bool:
        """Whether enough answers that were held at this level were found right."""
        return self.approved >= self.approvals and not self.too_many_refused

    @property
    def too_many_refused(self) -> bool:
        """Whether more answers held at this level were found wrong than the target allows."""
        room = (1.0 - self.risk.target) * (self.approved + self.refused)
        return self.refused > room + ROUNDING

    def evidence(self) -> tuple[float, float]:
        """Log evidence for the strictest policy and its threshold, of the guarantee that is nearest
        to a certificate.
        """
        reports = [self.risk.report(label) for label in self.risk.guarantees]
        pairs = [(float(one["log_evidence"][0]), float(one["log_bar"])) for one in reports]
        return max(pairs, key=lambda pair: pair[0] - pair[1])

    def reason(self, made: GatedDecision, label: Label | None, limit: str = "") -> str:
        """The reason of a decision in words, with the level, policy or limit that decided.

        Args:
            limit: the limit that vetoed the decision, in words, or "".
        """
        decision = made.decision
        certified = self.risk.level(label)
        if decision.act:
            checked = "; this one is checked" if decision.audit else ""
            sure = f"policy {decision.policy} is certified for answers as sure as this"
            return f"{sure}, and the level is act{checked}"
        if label is None:
            why = "nothing was learned yet"
        elif not certified:
            why = "no policy is certified yet, so everything is asked"
        elif not decision.would_act[certified - 1]:
            why = f"not sure enough for policy {certified}, the most permissive that is certified"
        else:
            sure = f"policy {certified} is certified for answers as sure as this"
            return f"{sure}, but {self._obstacle(made, limit)}"
        return f"{why}; it is limited, too: {limit}" if limit else why

    def _obstacle(self, made: GatedDecision, limit: str) -> str:
        if limit:
            return f"a limit forbids to act: {limit}"
        if made.held:
            return "the level is approve: it is held until a person says yes"
        return f"the level is {self.level}: a person decides"

    def state(self) -> dict[str, Any]:
        """The complete state as plain numbers, strings and arrays (copies)."""
        return {
            "risk": self.risk.state(),
            "level": self.level,
            "ceiling": self.ceiling,
            "approvals": self.approvals,
            "approved": self.approved,
            "refused": self.refused,
            "since": self._since,
            "alarmed": self._alarmed,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Autonomy:
        """The object that `state()` was taken from, bit for bit."""
        made = cls(
            ActOrAsk.from_state(state["risk"]),
            start=state["level"],
            ceiling=state["ceiling"],
            approvals=int(state["approvals"]),
        )
        made.approved, made.refused = int(state["approved"]), int(state["refused"])
        made._since, made._alarmed = int(state["since"]), bool(state["alarmed"])
        return made


def _lower(a: Level, b: Level) -> Level:
    return min(a, b, key=LEVELS.index)


def report_of(
    autonomy: Autonomy, *, learner: str, history: Sequence[LevelChange]
) -> AutonomyReport:
    """A learner's level, evidence and obstacles; `history` is newest first."""
    reports = [autonomy.risk.report(label) for label in autonomy.risk.guarantees]
    evidence, bar = autonomy.evidence()
    at = LEVELS.index(autonomy.level)
    first = reports[0]
    return AutonomyReport(
        learner=learner,
        level=autonomy.level,
        ceiling=autonomy.ceiling,
        next_level=None if autonomy.level == autonomy.ceiling else LEVELS[at + 1],
        why_not_higher=why_not_higher(autonomy),
        log_evidence=evidence,
        log_bar=bar,
        certified=autonomy.risk.certified,
        approvals=autonomy.approved,
        refusals=autonomy.refused,
        approvals_needed=autonomy.approvals,
        audit_rate=first["audit_rate"],
        guard_delays=guard_delays(first["error"], first["audit_rate"], first["between_alarms"]),
        alarms=sum(report["alarms"] for report in reports),
        history=tuple(history),
    )


def why_not_higher(autonomy: Autonomy) -> str:
    """What keeps a learner from the next level, in words and numbers."""
    if autonomy.level == "act":
        return "it has the highest level"
    if autonomy.level == autonomy.ceiling:
        return f"the ceiling is {autonomy.ceiling}: people allow no more"
    evidence, bar = autonomy.evidence()
    if not autonomy.risk.certified:
        bar *= ENOUGH_TO_SUGGEST if autonomy.level == "shadow" else 1.0
        if evidence < bar:
            return f"the evidence is {evidence:.1f} of the {bar:.1f} that it takes"
    elif autonomy.level == "approve":
        held = autonomy.approved + autonomy.refused
        if autonomy.approved < autonomy.approvals:
            return f"{autonomy.approved} of {autonomy.approvals} held answers were approved"
        if autonomy.too_many_refused:
            share = 1.0 - autonomy.risk.target
            refused = f"{autonomy.refused} of {held} held answers were not approved"
            return f"{refused}, more than {share:.3g} of them"
    return "it has all that it takes, and rises with the next outcome"


def guard_delays(
    error: float, audit_rate: float, between_alarms: float
) -> tuple[tuple[float, int], ...]:
    """Mean number of acted cases until the guard notices errors of 10, 20 and 40 %.

    Args:
        error: the largest allowed error, in (0, 1); only errors 1.5 times as large are reported.
        audit_rate: in (0, 1].
        between_alarms: least mean number of acted cases between false alarms.

    >>> guard_delays(0.05, 0.05, 10_000.0)
    ((0.1, 1900), (0.2, 500), (0.4, 180))
    """
    found = [
        (worse, guard_delay(error, audit_rate, between_alarms, worse))
        for worse in WATCHED_ERRORS
        if worse >= CLEARLY * error
    ]
    return tuple(found)


@lru_cache(maxsize=256)
def guard_delay(error: float, audit_rate: float, between_alarms: float, worse: float) -> int:
    """Mean number of acted cases from a jump of the error to `worse` until the guard's alarm.

    A simulation of 200 runs with a fixed seed, from audit to audit; before the jump the error is
    0.6 times the allowed one. Two digits, exact to some 10 %. `benchmarks/r19.py` measures the same
    case by case.
    """
    rng = np.random.default_rng(0)
    peace = int(min(PEACE_CASES * audit_rate, PEACE_AUDITS))
    factors = _factors(error)
    wealth: Floats = np.zeros((RUNS, factors.shape[1]))
    for gap, wrong in _audits(rng, audit_rate, PEACE_ERROR * error, peace):
        wealth = (wealth + gap) * factors[wrong]
        wealth[wealth.mean(axis=1) >= between_alarms] = 0.0
    cases = np.zeros(RUNS)
    watching = np.ones(RUNS, dtype=np.bool_)
    while watching.any():
        for gap, wrong in _audits(rng, audit_rate, worse, AT_ONCE):
            left = np.ceil(between_alarms - wealth.mean(axis=1))  # cases to an alarm, unaudited
            cases += watching * np.minimum(gap[:, 0], left)
            watching &= gap[:, 0] <= left
            wealth = (wealth + gap) * factors[wrong]
            watching &= wealth.mean(axis=1) < between_alarms
    return int(float(f"{cases.mean():.2g}"))


def _factors(error: float) -> Floats:
    """The factors of the guard's wealth for a correct and for a wrong audit: (2, stakes)."""
    made = []
    for wrong in (False, True):
        guard = Guard(error, between_alarms=NEVER)
        guard.update(wrong)
        made.append(np.exp(guard.state()["log_wealth"]))
    return np.array(made)


def _audits(
    rng: np.random.Generator, rate: float, error: float, count: int
) -> Iterator[tuple[Floats, NDArray[np.int64]]]:
    """One audit of each run: cases up to and including it, (runs, 1); and whether it is wrong."""
    gaps = rng.geometric(rate, size=(count, RUNS, 1)).astype(np.float64)
    wrong = (rng.random((count, RUNS)) < error).astype(np.int64)
    return zip(gaps, wrong, strict=True)
