"""The gate: five conditions of promotion, on cases that champion and challenger both answered.

This module reads no store and no clock: the same cases in the same order give the same verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Literal

from quickstudy.api.versions import Bound, Condition, Group
from quickstudy.stats.certificate import require
from quickstudy.stats.evidence import odds
from quickstudy.stats.paired import Paired, bar

Route = Literal["better", "simpler"]
Verdict = Literal["watching", "roll back", "kept"]

ENOUGH = 200
"""Least number of labelled cases of a group of its own, and of a comparison with a baseline."""

MOST_GROUPS = 256
"""Groups that are followed separately, in order of appearance; later groups go to "rest"."""

REST = "rest"


@dataclass(frozen=True, slots=True)
class PairedOutcome:
    """One labelled case with the answers that both versions gave before its label was known.

    Attributes:
        seq: event of the label.
        before, after: champion wrong, challenger wrong. In a probation the challenger is the old
            champion.
        anchor: the last version promoted for being better was wrong; None: it is the champion.
        baselines: (name, wrong), such as ("majority", True).
        scale: pi_min / pi in (0, 1], the weight of a label that only some cases get.
        groups: names of the groups of the case, such as "environment=north".
    """

    seq: int
    before: bool
    after: bool
    anchor: bool | None = None
    baselines: tuple[tuple[str, bool], ...] = ()
    scale: float = 1.0
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PinResult:
    """Result of a pin of the exam: `before`, champion passes; `after`, challenger passes."""

    id: str
    bound: Bound
    before: bool
    after: bool


class Gate:
    """Decides whether a challenger may be promoted. All five conditions must hold at once:

    exam       it passes every "must" pin that the champion passes, and fails no more "should" pins
    never      none of its answers, in the shadow or in the exam, breaks a must-never rule
    better     evidence E >= 1/alpha_k that it errs less than the champion (see `Paired`); or, if it
               is simpler (not larger), evidence that it is not worse by more than the margin than
               the champion, nor than the last version promoted for being better: small losses
               cannot add up
    groups     no group has evidence E >= 1/alpha that the challenger is worse there by more than
               the margin. A group with 200 labelled cases or more is tested by itself; cases of
               smaller groups, and of groups beyond the 256th, are pooled as "rest"
    baselines  on 200 labelled cases or more it errs less than each baseline, with evidence
               E >= 1/alpha that it is not worse than the baseline by more than the margin

    A challenger that is no better is promoted, over all attempts and both routes, with probability
    at most alpha, at any time of testing. The baselines' condition takes a lower mean error and
    evidence that the challenger is not worse by more than the margin, not evidence that it is
    strictly better: a champion within a point of the nearest neighbour would otherwise wait for
    thousands of cases, and the condition "better" applies anyway. At margin 0 it is strict.

    Parameters:
        alpha: in (0, 1). margin: share wrong, in [0, 1).
        attempt: number of this challenger, from 1.
        simpler: the challenger is not larger than the champion, in bytes.

    Raises:
        SettingError: a setting is out of its range.

    >>> gate = Gate(alpha=0.05, margin=0.02, attempt=1)
    >>> for seq in range(400):
    ...     majority = ("majority", seq % 3 == 0)
    ...     gate.compare(PairedOutcome(seq, seq % 12 == 0, seq % 50 == 0, baselines=(majority,)))
    >>> [c.name for c in gate.conditions() if not c.holds]
    []
    >>> gate.conditions()[2].detail
    'wrong on 2.0 % of 400 labelled cases, the champion on 8.5 %: odds of 3,953 to 1, 66 needed'
    """

    def __init__(
        self, *, alpha: float, margin: float, attempt: int = 1, simpler: bool = False
    ) -> None:
        self.alpha = require("alpha", alpha, 0.0, 1.0)
        self.margin = require("margin", margin, 0.0, 1.0, closed=True)
        self.attempt = attempt
        self.simpler = simpler
        self.log_bar = bar(alpha, attempt)
        self._better = Paired()
        self._near = {"champion": Paired(margin), "last better version": Paired(margin)}
        self._groups: dict[str, Paired] = {}
        self._rest = Paired(-margin)
        self._baselines: dict[str, Paired] = {}
        self._weight = self._wrong = 0.0

    @property
    def labelled(self) -> int:
        """Cases compared."""
        return self._better.cases

    @property
    def gain(self) -> float:
        """Share wrong of the champion minus that of the challenger, weighted, in [-1, 1]."""
        return self._better.gain

    @property
    def log_evidence(self) -> float:
        """Log evidence that the challenger errs less than the champion."""
        return self._better.log_evidence

    @property
    def log_evidence_margin(self) -> float | None:
        """Log evidence that it is not worse by more than the margin; None: it is not simpler.

        The lesser of that against the champion and against the last version proved better.
        """
        return min(t.log_evidence for t in self._near.values()) if self.simpler else None

    @property
    def route(self) -> Route | None:
        """The ground on which it may be promoted now; None: there is none."""
        if self.log_evidence >= self.log_bar:
            return "better"
        near = self.log_evidence_margin
        return "simpler" if near is not None and near >= self.log_bar else None

    @property
    def groups(self) -> tuple[Group, ...]:
        """Groups that are tested by themselves, by name, and the rest."""
        grown = sorted((n, t) for n, t in self._groups.items() if t.cases >= ENOUGH)
        pooled = [(REST, self._rest)] if self._rest.cases else []
        return tuple(
            Group(name, test.cases, -test.gain, self._shown(test)) for name, test in grown + pooled
        )

    @property
    def baselines(self) -> tuple[tuple[str, float], ...]:
        """Share wrong of each baseline minus that of the challenger, weighted, in [-1, 1]."""
        return tuple((name, test.gain) for name, test in self._baselines.items())

    def compare(self, case: PairedOutcome) -> None:
        """Add one labelled case, once per case: a correction of its label is not another case.

        Raises:
            InputError: its scale is not in (0, 1]; nothing was changed.
        """
        difference = float(case.before) - case.after
        anchor = case.before if case.anchor is None else case.anchor
        self._better.update(difference, scale=case.scale)
        self._weight += case.scale
        self._wrong += case.scale * case.after
        self._near["champion"].update(difference, scale=case.scale)
        self._near["last better version"].update(float(anchor) - case.after, scale=case.scale)
        for name, wrong in case.baselines:
            test = self._baselines.setdefault(name, Paired(self.margin))
            test.update(float(wrong) - case.after, scale=case.scale)
        self._group(case.groups, -difference, case.scale)

    def _group(self, names: Sequence[str], worse: float, scale: float) -> None:
        small = False
        for name in dict.fromkeys(names):
            if name not in self._groups and len(self._groups) < MOST_GROUPS:
                self._groups[name] = Paired(-self.margin)
            test = self._groups.get(name)
            small |= test is None or test.cases < ENOUGH
            if test is not None:
                test.update(worse, scale=scale)
        if small:  # decided by the cases before this one
            self._rest.update(worse, scale=scale)

    def _shown(self, test: Paired) -> bool:
        return test.log_evidence >= -log(self.alpha)

    def conditions(
        self, *, exam: Sequence[PinResult] = (), never: int = 0
    ) -> tuple[Condition, ...]:
        """The five conditions at present. `never`: its answers that broke a must-never rule."""
        return (
            _exam(exam),
            Condition("never", never == 0, f"{_count(never, 'answer')} against a must-never rule"),
            self._of_better(),
            self._of_groups(),
            self._of_baselines(),
        )

    def _of_better(self) -> Condition:
        wrong = self._wrong / self._weight if self._weight else 0.0
        detail = (
            f"wrong on {wrong:.1%} of {_count(self.labelled, 'labelled case')}, the champion on "
            f"{max(wrong + self.gain, 0.0):.1%}: odds of {odds(self.log_evidence)} to 1, "
            f"{odds(self.log_bar)} needed"
        ).replace("%", " %")
        if self.simpler:
            each = ", ".join(
                f"than the {name} {odds(test.log_evidence)} to 1"
                for name, test in self._near.items()
            )
            detail += f"; it is no larger; odds that it is not {_points(self.margin)} worse: {each}"
        return Condition("better", self.route is not None, detail)

    def _of_groups(self) -> Condition:
        groups = self.groups
        worse = [f"{g.name} ({_points(-g.gain)} in {g.cases:,} cases)" for g in groups if g.worse]
        beyond = f"worse by more than {_points(self.margin)}"
        found = (
            f"{beyond}: {', '.join(worse)}" if worse else f"none of {len(groups)} shows {beyond}"
        )
        return Condition("groups", not worse, found)

    def _of_baselines(self) -> Condition:
        if not self._baselines:
            return Condition("baselines", False, "compared with none yet")
        found = [self._against(name, test) for name, test in self._baselines.items()]
        return Condition(
            "baselines", all(holds for holds, _ in found), "; ".join(detail for _, detail in found)
        )

    def _against(self, name: str, test: Paired) -> tuple[bool, str]:
        if test.cases < ENOUGH:
            return False, f"{name}: {test.cases} of {ENOUGH} labelled cases"
        if test.gain <= 0.0:
            less = f"{_points(-test.gain)} less" if test.gain < 0.0 else "no more"
            return False, f"{name} errs {less} than it"
        detail = f"{name} errs {_points(test.gain)} more than it"
        if self._shown(test):
            return True, detail
        return False, f"{detail}: odds of {odds(test.log_evidence)} to 1, {1 / self.alpha:g} needed"


class Probation:
    """Decides whether to go back to the old champion: the same test with the roles swapped.

    Cases are `PairedOutcome`, `before`: the new champion was wrong, `after`: the old one was.
    With evidence E >= 1/alpha that the old one errs less the verdict is "roll back"; after `cases`
    labelled cases without it, "kept". Either is final: later cases change nothing.

    Parameters:
        alpha: in (0, 1), the probability of going back to a version that is no better.
        cases: labelled cases of the probation, 0 or more.

    >>> probation = Probation(alpha=0.05, cases=1000)
    >>> for seq in range(1000):
    ...     probation.compare(PairedOutcome(seq, before=seq % 4 == 0, after=seq % 8 == 0))
    >>> probation.verdict, probation.labelled
    ('roll back', 61)
    """

    def __init__(self, *, alpha: float, cases: int) -> None:
        self.alpha = require("alpha", alpha, 0.0, 1.0)
        self.cases = int(require("cases", cases, 0, 1e12, closed=True))
        self.log_bar = -log(self.alpha)
        self._test = Paired()

    @property
    def labelled(self) -> int:
        """Cases compared."""
        return self._test.cases

    @property
    def gain(self) -> float:
        """Share wrong of the new champion minus that of the old one, weighted, in [-1, 1]."""
        return self._test.gain

    @property
    def log_evidence(self) -> float:
        """Log evidence that the old champion errs less."""
        return self._test.log_evidence

    @property
    def verdict(self) -> Verdict:
        """The verdict so far."""
        if self.log_evidence >= self.log_bar:
            return "roll back"
        return "kept" if self.labelled >= self.cases else "watching"

    def compare(self, case: PairedOutcome) -> None:
        """Add one labelled case, unless the verdict is final."""
        if self.verdict == "watching":
            self._test.update(float(case.before) - case.after, scale=case.scale)


def _exam(pins: Sequence[PinResult]) -> Condition:
    lost = [p.id for p in pins if p.bound == "must" and p.before and not p.after]
    should = [p for p in pins if p.bound == "should"]
    before, after = sum(not p.before for p in should), sum(not p.after for p in should)
    detail = f"passes {sum(p.after for p in pins)} of {_count(len(pins), 'pin')}"
    if lost:
        detail += f"; fails what the champion passes and it must: {', '.join(lost[:10])}"
        detail += f" and {len(lost) - 10} more" if len(lost) > 10 else ""
    if should:
        detail += f'; fails {after} of {len(should)} "should" pins, the champion {before}'
    return Condition("exam", not lost and after <= before, detail)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _points(share: float) -> str:
    points = round(100.0 * share, 1)
    return f"{points:g} point{'' if points == 1 else 's'}"
