"""Risk control as a fold over the log: decisions when it predicts, outcomes when labels come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quickstudy import snapshot
from quickstudy.api.guardrails import LEVELS, Level
from quickstudy.api.settings import Settings
from quickstudy.deploy.guardrails.autonomy import Autonomy, GatedDecision
from quickstudy.errors import SettingError
from quickstudy.stats.risk import AUDIT_TESTING, ActOrAsk, Decision
from quickstudy.types import Label

EPOCH_STRIDE = 1_000_003  # between the coins of one promise and the next


def new_control(settings: Settings, epoch: int, *, before: Level = "shadow") -> Autonomy:
    """What a learner may do as the settings want it, with nothing proved yet.

    `before`: its level until now; it does not fall back into the shadow.
    """
    if not settings.audit <= 1.0:
        raise SettingError(f"audit is {settings.audit}; it must be a share in (0, 1]")
    risk = ActOrAsk(
        settings.target,
        seed=(settings.seed + EPOCH_STRIDE * epoch) % 2**64,
        alpha=settings.alpha,
        targets=_per_label(settings.targets),
        costs=_per_label(settings.costs),
        audit_settled=settings.audit,
        audit_testing=max(AUDIT_TESTING, settings.audit),
    )
    least = settings.start if before == "shadow" else "suggest"
    return Autonomy(
        risk,
        start=max(settings.start, least, key=LEVELS.index),
        ceiling=settings.ceiling,
        approvals=settings.approvals,
    )


def _per_label(pairs: tuple[tuple[Label, float], ...]) -> Mapping[Label, float]:
    return _ByLabel(pairs)


class _ByLabel(Mapping[Label, float]):
    """Pairs as a mapping in which 1, True and "1" are three labels."""

    def __init__(self, pairs: tuple[tuple[Label, float], ...]) -> None:
        self._pairs = pairs

    def __getitem__(self, label: Label) -> float:
        for name, value in self._pairs:
            if type(name) is type(label) and name == label:
                return value
        raise KeyError(label)

    def __iter__(self) -> Any:
        return (name for name, _ in self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def items(self) -> Any:
        return self._pairs


def encode_decision(ruling: GatedDecision, epoch: int) -> dict[str, Any]:
    """A ruling for the log, with the promise it was made under."""
    decision = ruling.decision
    values = {name: getattr(decision, name) for name in Decision.__slots__}
    if decision.eligible:
        del values["eligible"]  # as all were before there were others
    held = {"held": True} if ruling.held else {}
    return {**values, "would_act": list(decision.would_act), "epoch": epoch, **held}


def decode_decision(written: Mapping[str, Any]) -> tuple[GatedDecision, int]:
    """The ruling, and the promise it was made under."""
    values = dict(written)
    epoch, held = values.pop("epoch"), values.pop("held", False)
    decision = Decision(**{**values, "would_act": tuple(values["would_act"])})
    return GatedDecision(decision, held), epoch


def state_of(control: Autonomy) -> tuple[snapshot.Arrays, Any]:
    """The state of a control as arrays by path, and plain values."""
    return snapshot.flattened(control.state())


def control_from(arrays: snapshot.Arrays, plain: Any) -> Autonomy:
    """The control whose state this was."""
    return Autonomy.from_state(snapshot.nested(arrays, plain))
