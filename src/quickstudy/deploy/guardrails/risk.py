"""Risk control as the log determines it: decisions at predictions, outcomes when labels arrive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from quickstudy import snapshot
from quickstudy.api.guardrails import LEVELS, Level
from quickstudy.api.settings import Settings
from quickstudy.deploy.guardrails.autonomy import Autonomy, GatedDecision, LevelTransition, vetoed
from quickstudy.deploy.kind import settings_from_plain
from quickstudy.errors import SettingError, StoreError
from quickstudy.log.events import Logged
from quickstudy.stats.risk import AUDIT_TESTING, ActOrAsk, Decision
from quickstudy.types import Label

EPOCH_STRIDE = 1_000_003  # between the seeds of the audit draws of successive guarantees
SWITCHES = ("promoted", "rolled_back")  # events after which another version answers
CHANGED = "the guarantee was changed, which resets its evidence"


class RiskHolder(Protocol):
    """A learner in service, or the state of a replay."""

    control: Autonomy
    settings: Settings
    epoch: int


def apply_to_risk(
    holder: RiskHolder, event: Logged, payload: Mapping[str, Any], about: Mapping[str, Any]
) -> list[LevelTransition]:
    """Apply an event to risk control; returns the changes of level.
    Args:
        about: the payload of the prediction that the event is about.
    """
    control = holder.control
    if event.type == "changed":
        holder.settings = settings_from_plain(payload["settings"])
        moved = _reset_evidence(holder, payload)
        ceiling, approvals = holder.settings.ceiling, holder.settings.approvals
        holder.control.set_bounds(ceiling=ceiling, approvals=approvals)
        return moved + holder.control.pop_level_changes()
    if event.type in SWITCHES:
        return _reset_evidence(holder, payload)
    if event.type == "predicted":
        made = decode_decision(payload["decision"])[0]
        control.accept(made)
        if not made.decision.labelled:
            control.record(made, None)
    elif payload.get("counted"):
        control.record(decode_decision(about["decision"])[0], payload.get("wrong"))
    return control.pop_level_changes()


def check_decision(holder: RiskHolder, event: Logged, payload: Mapping[str, Any]) -> None:
    """Check that a prediction is decided as it was logged.

    Raises:
        StoreError: it is decided otherwise.
    """
    sure = payload["confidence"] if payload["label"] is not None else 0.0
    eligible = "unfamiliar" not in payload
    made = holder.control.propose(sure, payload["label"], eligible=eligible)
    made = vetoed(made) if payload["limit"] else made
    if made != decode_decision(payload["decision"])[0]:
        raise StoreError(f"event {event.seq}: a replay decides otherwise than was logged")


def _reset_evidence(holder: RiskHolder, payload: Mapping[str, Any]) -> list[LevelTransition]:
    """Reset the evidence if the guarantee changed."""
    if payload["epoch"] == holder.epoch:
        return []
    before, holder.epoch = holder.control.level, payload["epoch"]
    holder.control = new_control(holder.settings, holder.epoch, before=before)
    after = holder.control.level
    return (
        [LevelTransition(before, after, payload.get("reset", CHANGED))] if after != before else []
    )


def new_control(settings: Settings, epoch: int, *, before: Level = "shadow") -> Autonomy:
    """Risk control as the settings define it, without evidence.

    `before`: the level until now; if it is above shadow, the new level is at least suggest.
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


def encode_decision(made: GatedDecision, epoch: int) -> dict[str, Any]:
    """A decision as the log holds it, with the generation of its guarantee."""
    decision = made.decision
    values = {name: getattr(decision, name) for name in Decision.__slots__}
    if decision.eligible:
        del values["eligible"]  # the default: older events do not have the field
    held = {"held": True} if made.held else {}
    return {**values, "would_act": list(decision.would_act), "epoch": epoch, **held}


def decode_decision(written: Mapping[str, Any]) -> tuple[GatedDecision, int]:
    """A decision from the log, and the generation of its guarantee."""
    values = dict(written)
    epoch, held = values.pop("epoch"), values.pop("held", False)
    decision = Decision(**{**values, "would_act": tuple(values["would_act"])})
    return GatedDecision(decision, held), epoch


def state_of(control: Autonomy) -> tuple[snapshot.Arrays, Any]:
    """The state of a control as arrays by path, and plain values."""
    return snapshot.flattened(control.state())


def control_from(arrays: snapshot.Arrays, plain: Any) -> Autonomy:
    """Inverse of `state_of`."""
    return Autonomy.from_state(snapshot.nested(arrays, plain))
