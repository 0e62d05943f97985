"""Risk control: decides between acting and asking, at a certified precision.

`ActOrAsk` combines a controller (proposes thresholds), a certificate (permits them) and a guard
(revokes them) for any stream of (confidence, label probability, right or wrong). Every case records
its label probability pi: 1 if it is asked, the audit rate if it is acted on. Only labels that were
asked for or audited count; a volunteered correction is selected by its outcome and is refused here
(a learner may still learn from it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quickstudy.errors import InputError, SettingError
from quickstudy.stats.certificate import (
    Certificate,
    Guard,
    require,
    require_outcome,
    require_probability,
    require_score,
)
from quickstudy.stats.controller import FRACTIONS, Controller
from quickstudy.stats.draws import AuditDraws
from quickstudy.types import Label, label_key

__all__ = ["ActOrAsk", "Certificate", "Controller", "Decision", "Guard"]

AUDIT_TESTING, AUDIT_SETTLED = 0.35, 0.05
"""Audit rates while a more permissive policy is under test, and later. Evidence grows with this
rate, and until the next policy is permitted its cases are asked: on three types of streams 0.35
acted on 0 to 6 more cases in 100 than 0.2, for the same number of labels or 3 % more."""

PATIENCE = 2000
"""Cases for which the next policy is tested at the high audit rate: a policy that is not permitted
by then gains less than the audits cost, and is then tested at the low rate."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision on one case; keep it until `record`, for example in a log.

    Attributes:
        number: number of the case, from 0; it determines the draw of the seed.
        confidence: confidence of the learner.
        act: answer without asking.
        audit: acted on, and a label from a trusted source is needed nevertheless.
        ask: not acted on, and a teacher is to be asked.
        label_probability: pi, in (0, 1]: probability of a label, before the draw.
        smallest: pi_min, the smallest pi that a case on which a policy acts could have had.
        policy: how permissive the policy is that acted, from 1; 0 if the case was not acted on.
        would_act: for each policy, strict to permissive, whether it would act.
        label: the label whose own certificate decided, or None.
        eligible: whether a policy may act on such a case; the outcome of one that is not eligible
            says nothing about confidences, and does not change the thresholds.
    """

    number: int
    confidence: float
    act: bool
    audit: bool
    ask: bool
    label_probability: float
    smallest: float
    policy: int
    would_act: tuple[bool, ...]
    label: Label | None = None
    eligible: bool = True

    @property
    def labelled(self) -> bool:
        """Whether a label is due: asked for or audited."""
        return self.ask or self.audit


@dataclass(frozen=True, slots=True)
class _Rates:
    """Audit rates, and the least probability of asking about a case that is not acted on."""

    testing: float
    settled: float
    patience: int
    least_ask: float


class _Guarantee:
    """One guarantee: a controller, a certificate and a guard with the same allowed error."""

    def __init__(
        self, controller: Controller, certificate: Certificate, guard: Guard, rates: _Rates
    ) -> None:
        self.controller = controller
        self.certificate = certificate
        self.guard = guard
        self.rates = rates
        self.tested = 0

    @property
    def audit_rate(self) -> float:
        level = self.certificate.level
        settled = level == self.certificate.policies or self.tested >= self.rates.patience
        return self.rates.settled if settled else self.rates.testing

    @property
    def smallest(self) -> float:
        acting = self.certificate.level > 0
        return min(self.rates.least_ask, self.audit_rate) if acting else self.rates.least_ask

    def decide(
        self,
        confidence: float,
        ask_probability: float,
        draw: float,
        case: tuple[int, Label | None],
        *,
        eligible: bool,
    ) -> Decision:
        would_act = (confidence >= self.controller.thresholds) & (eligible and confidence > 0.0)
        level = self.certificate.level
        act = level > 0 and bool(would_act[level - 1])
        pi = self.audit_rate if act else ask_probability
        return Decision(
            number=case[0],
            confidence=float(confidence),
            act=act,
            audit=act and draw < pi,
            ask=not act and draw < pi,
            label_probability=pi,
            smallest=self.smallest,
            policy=level if act else 0,
            would_act=tuple(bool(w) for w in would_act),
            label=case[1],
            eligible=eligible,
        )

    def record(self, decision: Decision, wrong: bool | None) -> bool:
        level = self.certificate.level
        self.certificate.update(
            decision.would_act,
            wrong,
            label_probability=decision.label_probability,
            smallest=decision.smallest,
        )
        if self.certificate.level > level:
            self.tested = 0
        elif 0 < level < len(decision.would_act):
            self.tested += decision.would_act[level]
        if wrong is not None and decision.eligible:
            self.controller.record(
                decision.confidence, wrong, label_probability=decision.label_probability
            )
        if not decision.act:
            return False
        alarm = self.guard.update(wrong, label_probability=decision.label_probability)
        if alarm:
            self.certificate.step_down()
            self.controller.forget()
            self.tested = 0
        return alarm

    def state(self) -> dict[str, Any]:
        return {
            "controller": self.controller.state(),
            "certificate": self.certificate.state(),
            "guard": self.guard.state(),
            "tested": self.tested,
        }


class ActOrAsk:
    """Decides, case by case, whether to act or to ask, at a certified precision.

    Guarantee: if no policy is ever as precise as the target, the chance that any case is ever acted
    on is at most alpha (for each guarantee: a label with its own target has its own). The guard
    detects later errors: after an alarm no case is acted on until a new attempt is certified. The
    guarantee does not need a calibrated confidence, but a calibrated one is certified earlier.

    Record every decision once, in the order of the decisions or of the labels, as long as the delay
    does not depend on the outcome. Asks that were skipped or expired are recorded with None, and
    count as wrong.

    Parameters:
        target: precision in (0, 1), say 0.95; the allowed error is eps = 1 - target.
        seed: seed of the audit draws, 0 <= seed < 2^64; log it.
        alpha: in (0, 1), the chance of ever certifying a policy that misses the target.
        targets: precision per predicted label, for labels with a guarantee of their own: they are
            acted on only by their own certificate.
        costs: per predicted label, cost of a mistake relative to an ordinary one, > 0: its allowed
            error is eps / cost, by its own certificate.
        fractions: shares of eps that the policies aim at, strict to permissive.
        audit_testing: audit rate while a more permissive policy is under test.
        audit_settled: audit rate otherwise, and after `patience` cases of such a test.
        patience: cases, at least 1.
        least_ask: the smallest `ask_probability` that will ever be given to `decide`; 1 unless the
            budget for asking is short. Evidence grows in proportion to it.
        between_alarms: least mean number of acted cases between two false alarms.

    Raises:
        SettingError: a setting is out of its range.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> control = ActOrAsk(0.95, seed=1)
    >>> acted = labels = errors = 0
    >>> for confidence in rng.beta(12, 1, size=4000):  # 8 % wrong on average
    ...     decision = control.decide(confidence)
    ...     wrong = bool(rng.random() > confidence)
    ...     labels += decision.labelled
    ...     acted += decision.act
    ...     errors += decision.act and wrong
    ...     alarm = control.record(decision, wrong if decision.labelled else None)
    >>> acted, labels, round(1 - errors / acted, 3)
    (1576, 2631, 0.966)
    """

    def __init__(
        self,
        target: float = 0.95,
        *,
        seed: int,
        alpha: float = 0.05,
        targets: Mapping[Label, float] | None = None,
        costs: Mapping[Label, float] | None = None,
        fractions: Sequence[float] = FRACTIONS,
        audit_testing: float = AUDIT_TESTING,
        audit_settled: float = AUDIT_SETTLED,
        patience: int = PATIENCE,
        least_ask: float = 1.0,
        between_alarms: float = 10_000.0,
    ) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**64:
            raise SettingError(f"seed must be an integer in [0, 2^64), not {seed!r}")
        self.target = require("target", target, 0.0, 1.0)
        self.alpha = require("alpha", alpha, 0.0, 1.0)
        self.seed = seed
        self.number = 0
        self._coins = AuditDraws(seed)
        settled = require("audit_settled", audit_settled, 1e-6, 1.0, closed=True)
        rates = _Rates(
            testing=require("audit_testing", audit_testing, settled, 1.0, closed=True),
            settled=settled,
            patience=int(require("patience", patience, 1, 1e12, closed=True)),
            least_ask=require("least_ask", least_ask, 1e-6, 1.0, closed=True),
        )

        def guarantee(error: float) -> _Guarantee:
            return _Guarantee(
                Controller(error, fractions=fractions),
                Certificate(error, alpha=self.alpha, policies=len(fractions)),
                Guard(error, between_alarms=between_alarms),
                rates,
            )

        self._rest = guarantee(1.0 - self.target)
        self._own = {
            key: guarantee(error)
            for key, error in _own_errors(self.target, targets or {}, costs or {}).items()
        }

    def _guarantee(self, label: Label | None) -> _Guarantee:
        return self._rest if label is None else self._own.get(label_key(label), self._rest)

    def decide(
        self,
        confidence: float,
        label: Label | None = None,
        *,
        ask_probability: float = 1.0,
        eligible: bool = True,
    ) -> Decision:
        """Decide on a case that the learner answers with `label` at `confidence` in [0, 1].

        A case of confidence 0 is never acted on.

        Args:
            confidence: confidence of the answer.
            label: the answer.
            ask_probability: at least `least_ask`, the probability of asking if the case is not
                acted on; below 1 if a budget is short.
            eligible: whether a policy may act on such a case. It must depend only on what is known
                before the label; it is False for a record of an unfamiliar form.

        Raises:
            InputError: an argument is out of its range; nothing was changed.
        """
        decision = self.propose(
            confidence, label, ask_probability=ask_probability, eligible=eligible
        )
        self.accept(decision)
        return decision

    def propose(
        self,
        confidence: float,
        label: Label | None = None,
        *,
        ask_probability: float = 1.0,
        eligible: bool = True,
    ) -> Decision:
        """What `decide` decides, without going on to the next case: nothing is changed.

        Raises:
            InputError: an argument is out of its range.
        """
        require_score("confidence", confidence)
        guarantee = self._guarantee(label)
        require_probability("ask_probability", ask_probability, guarantee.rates.least_ask)
        owner = label if guarantee is not self._rest else None
        case = (self.number, owner)
        draw = self._coins.draw(self.number)
        return guarantee.decide(confidence, ask_probability, draw, case, eligible=eligible)

    def accept(self, decision: Decision) -> None:
        """Go on to the next case after a decision that was proposed for this one.

        Raises:
            InputError: it was proposed for another case; nothing was changed.
        """
        if decision.number != self.number:
            raise InputError(
                f"the decision is for case {decision.number}; the next case is {self.number}"
            )
        if decision.eligible:
            self._guarantee(decision.label).controller.observe(decision.confidence)
        self.number += 1

    def record(self, decision: Decision, wrong: bool | None) -> bool:
        """Close a case; returns True if the guard alarmed, so that no more cases are acted on.

        `wrong` is None if there is no label: always for a case acted on without an audit; for a
        case that was asked or audited it means that this was skipped or expired, and counts as
        wrong.

        Raises:
            InputError: an outcome for a case that was neither asked nor audited (volunteered, so
                selected by its outcome), or one that is not a boolean; nothing was changed.
        """
        require_outcome(wrong)
        if wrong is not None and not decision.labelled:
            raise InputError(
                f"wrong must be None, not {wrong!r}, for case {decision.number}, which was neither "
                "asked nor audited: a volunteered correction is selected by its outcome"
            )
        outcome = (wrong is None or bool(wrong)) if decision.labelled else None
        return self._guarantee(decision.label).record(decision, outcome)

    def level(self, label: Label | None = None) -> int:
        """How many policies, strictest first, may act on this label now; 0: everything is asked."""
        return self._guarantee(label).certificate.level

    @property
    def guarantees(self) -> list[Label | None]:
        """None for the guarantee of most labels, then each label with a guarantee of its own."""
        return [None, *(key[1] for key in self._own)]

    @property
    def certified(self) -> int:
        """The most policies that may act under any guarantee; 0: everything is asked."""
        levels = [guarantee.certificate.level for guarantee in self._own.values()]
        return max([self._rest.certificate.level, *levels])

    @property
    def smallest(self) -> float:
        """The smallest label probability that any case can have now, whatever its label."""
        return min(guarantee.smallest for guarantee in (self._rest, *self._own.values()))

    def report(self, label: Label | None = None) -> dict[str, Any]:
        """State of one guarantee: that of `label`, or of all labels without one of their own."""
        guarantee = self._guarantee(label)
        return {
            "error": guarantee.certificate.error,
            "level": guarantee.certificate.level,
            "attempt": guarantee.certificate.attempt,
            "alarms": guarantee.guard.alarms,
            "between_alarms": guarantee.guard.between_alarms,
            "audit_rate": guarantee.audit_rate,
            "thresholds": guarantee.controller.thresholds,
            "log_evidence": guarantee.certificate.log_evidence,
            "log_bar": guarantee.certificate.log_bar,
        }

    def state(self) -> dict[str, Any]:
        """The complete state, as plain numbers, strings and arrays (copies)."""
        rates = self._rest.rates
        return {
            "target": self.target,
            "alpha": self.alpha,
            "seed": self.seed,
            "number": self.number,
            "audit_testing": rates.testing,
            "audit_settled": rates.settled,
            "patience": rates.patience,
            "least_ask": rates.least_ask,
            "rest": self._rest.state(),
            "own": [{"label": key[1], **guarantee.state()} for key, guarantee in self._own.items()],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> ActOrAsk:
        """The object with this state, bit for bit."""
        made = cls(
            float(state["target"]),
            seed=int(state["seed"]),
            alpha=float(state["alpha"]),
            audit_testing=float(state["audit_testing"]),
            audit_settled=float(state["audit_settled"]),
            patience=int(state["patience"]),
            least_ask=float(state["least_ask"]),
        )
        rates = made._rest.rates
        made.number = int(state["number"])
        made._rest = _guarantee_from(state["rest"], rates)
        made._own = {label_key(s["label"]): _guarantee_from(s, rates) for s in state["own"]}
        return made


def _guarantee_from(state: Mapping[str, Any], rates: _Rates) -> _Guarantee:
    guarantee = _Guarantee(
        Controller.from_state(state["controller"]),
        Certificate.from_state(state["certificate"]),
        Guard.from_state(state["guard"]),
        rates,
    )
    guarantee.tested = int(state["tested"])
    return guarantee


def _own_errors(
    target: float, targets: Mapping[Label, float], costs: Mapping[Label, float]
) -> dict[tuple[str, Label], float]:
    """Allowed error, by `label_key`, of each label with a target or cost of its own."""
    errors = {}
    for label, precision in targets.items():
        errors[label_key(label)] = 1.0 - require(f"targets[{label!r}]", precision, 0.0, 1.0)
    for label, cost in costs.items():
        error = errors.get(label_key(label), 1.0 - target)
        errors[label_key(label)] = error / require(f"costs[{label!r}]", cost, error, 1e9)
    return errors
