"""Decides predictions: act or ask."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from quickstudy.api.checks import checked_name
from quickstudy.api.decisions import Answer, Feedback
from quickstudy.deploy.core.context import Context
from quickstudy.deploy.core.contract import SYSTEM, Decided, Draft
from quickstudy.deploy.core.records import digest
from quickstudy.deploy.core.tables import CASES, PENDING_FEEDBACK, Row, damaged
from quickstudy.deploy.decisions import feedback
from quickstudy.deploy.decisions.commands import Predict, Predicted
from quickstudy.deploy.decisions.queries import ALTERNATIVES, make_answer
from quickstudy.deploy.guardrails import enforce
from quickstudy.deploy.guardrails.autonomy import GatedDecision, vetoed
from quickstudy.deploy.guardrails.risk import encode_decision
from quickstudy.deploy.hosting.learner import HostedLearner
from quickstudy.deploy.hosting.transaction import HostedLearners
from quickstudy.deploy.hosting.updates import StoredVotes
from quickstudy.errors import InputError
from quickstudy.experts.pool import MEMBERS
from quickstudy.log.store import events_at
from quickstudy.stats.disagreement import disagreement
from quickstudy.types import Unfamiliar

SUCCEEDED = "another version answers from now on"


def predict(context: Context, command: Predict) -> Decided[list[Answer]]:
    """Decide on each prediction, in order."""
    hosted = command.hosted
    context.of(HostedLearners).check_hosted(hosted)
    _check_ids(context, command)
    pause = enforce.pause_in_force(context, hosted)
    answers = []
    for item in command.items:
        answer = yield from _decide(context, command, item, pause)
        answers.append(shown(answer))
    return answers


def _check_ids(context: Context, command: Predict) -> None:
    """Check that each id that the caller chose stands for one record."""
    together: dict[str, bytes] = {}
    for item in command.items:
        if item.id is None:
            continue
        checked_name("id", item.id)
        if item.id.startswith(feedback.OURS):
            raise InputError(f"id {item.id!r} starts with {feedback.OURS!r}, as only ours do")
        record = digest(context.secret, item.record)
        same = together.setdefault(item.id, record) == record
        case = context.rows.find(CASES, item.id)
        place = (command.hosted.number, record)
        if not same or (case and (case["learner"], case["input"]) != place):
            raise InputError(f"id {item.id!r} was used for another record; give each its own")


def shown(answer: Answer) -> Answer:
    """The part of an answer that may be shown at its level: in shadow, not its label."""
    if answer.level != "shadow":
        return answer
    return replace(answer, label=None, confidence=0.0, novelty=0.0, alternatives=())


def _decide(context: Context, command: Predict, item: Predicted, pause: str) -> Decided[Answer]:
    """Decide on one prediction; an id that was answered before gets the same answer."""
    hosted = command.hosted
    known = context.rows.find(CASES, item.id) if item.id is not None else None
    if known:
        return _again(context, hosted, item, known, pause)
    seq = context.next_seq
    case_id = item.id or f"{feedback.OURS}{seq:010x}{secrets.token_hex(5)}"
    payload, hit = _payload(context, hosted, item, pause)
    yield Draft(
        "predicted",
        hosted.number,
        actor=command.actor,
        subject=case_id,
        payload=payload,
        memo=StoredVotes.of(item.prediction),
    )
    if hit:
        about = {"limit": hit, "case": seq}
        yield Draft("limited", hosted.number, actor=SYSTEM, subject=case_id, payload=about)
    if item.id is not None:
        yield from _take_early(context, item.id)
    return make_answer(payload, case_id, hosted.name, seq=seq, time=context.now)


def _payload(
    context: Context, hosted: HostedLearner, item: Predicted, pause: str
) -> tuple[dict[str, Any], str]:
    """The payload of the event, and the limit that was hit, or ""."""
    prediction, control = item.prediction, hosted.control
    sure = prediction.confidence if prediction.label is not None else 0.0
    made = control.propose(sure, prediction.label, eligible=prediction.unfamiliar is None)
    hit = _limit(context, hosted, item, made)
    limit = pause or (SUCCEEDED if item.version != hosted.roles.champion else hit)
    if limit:
        made = vetoed(made)
    why = control.reason(made, prediction.label, limit)
    payload = {
        "record": item.record,
        "label": prediction.label,
        "confidence": prediction.confidence,
        "novelty": prediction.novelty,
        "alternatives": prediction.probabilities.top(ALTERNATIVES),
        "reason": _unfamiliar(prediction.unfamiliar, limit) if prediction.unfamiliar else why,
        "decision": encode_decision(made, hosted.epoch),
        "seen": item.seen,
        "level": control.level,
        "least": control.min_label_probability,
        "limit": limit,
        "version": item.version,
        "score": disagreement(prediction.votes[:-MEMBERS]),
        **encode_unfamiliar(prediction.unfamiliar),
    }
    return payload, hit if limit == hit else ""


def _limit(context: Context, hosted: HostedLearner, item: Predicted, made: GatedDecision) -> str:
    """The limit that forbids acting, or "" if none does or the answer would not act."""
    label = item.prediction.label
    if label is None or not (made.decision.act or made.held):
        return ""
    return enforce.refusal(context, hosted, item.record, label)


def encode_unfamiliar(unfamiliar: Unfamiliar | None) -> dict[str, Any]:
    """The part of a payload that describes an unfamiliar record; empty if it is familiar."""
    if unfamiliar is None:
        return {}
    return {"unfamiliar": {name: list(fields) for name, fields in asdict(unfamiliar).items()}}


def _unfamiliar(unfamiliar: Unfamiliar, limit: str) -> str:
    """The reason for asking, in words."""
    why = f"the record has an unfamiliar form: {unfamiliar}"
    return f"{why}; it is limited, too: {limit}" if limit else why


def _again(
    context: Context, hosted: HostedLearner, item: Predicted, case: Row, pause: str
) -> Answer:
    """The answer that was given before, changed to "ask" if acting is forbidden now."""
    answer = answer_of(context, case, hosted.name)
    if answer.decision == "ask" or answer.label is None:
        return answer
    limit = pause or enforce.refusal(context, hosted, item.record, answer.label)
    if not limit and hosted.control.level != "act":
        limit = f"the level is {hosted.control.level} now"
    if not limit:
        return answer
    why = f"it was to act, but that is forbidden now: {limit}"
    return replace(answer, decision="ask", policy=0, audit=False, limit=limit, reason=why)


def answer_of(context: Context, case: Row, learner: str) -> Answer:
    """The answer that was given for a case."""
    payload = context.payload(case["seq"])
    return make_answer(payload, case["id"], learner, seq=case["seq"], time=case["time"])


def _take_early(context: Context, case_id: str) -> Decided[None]:
    """Decide the feedback that came before its prediction."""
    query = (
        PENDING_FEEDBACK.select()
        .where(PENDING_FEEDBACK.c.case_id == case_id)
        .order_by(PENDING_FEEDBACK.c.seq)
    )
    found = [row["seq"] for row in context.rows.select(PENDING_FEEDBACK, query)]
    events = events_at(context.transaction.connection, found) if found else {}
    for seq in found:
        event = events.get(seq) or _of_transaction(context, seq)
        if event.subject != case_id:
            raise damaged(PENDING_FEEDBACK)
        given: Mapping[str, Any] = event.read()["given"]
        early = Feedback(**{**given, "prediction_id": case_id})
        yield from feedback.join(context, early, event.actor, seq=seq)


def _of_transaction(context: Context, seq: int) -> Any:
    return next(event for event in context.transaction.events if event.seq == seq)
