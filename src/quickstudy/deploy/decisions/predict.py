"""Predictions at the desk: act or ask, and the case that is put on record for it."""

from __future__ import annotations

import secrets
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from quickstudy.api.checks import checked_name
from quickstudy.api.decisions import Answer, Feedback
from quickstudy.deploy.core.records import digest, written
from quickstudy.deploy.core.tables import CASES, EARLY, STRETCHES, Row, damaged
from quickstudy.deploy.decisions import feedback, forms
from quickstudy.deploy.decisions.commands import Predict, Predicted
from quickstudy.deploy.guardrails import enforce
from quickstudy.deploy.guardrails.autonomy import GatedDecision, vetoed
from quickstudy.deploy.guardrails.risk import encode_decision
from quickstudy.deploy.hosting.learner import HostedLearner
from quickstudy.deploy.hosting.updates import StoredVotes
from quickstudy.errors import InputError
from quickstudy.experts.pool import MEMBERS
from quickstudy.log.store import events_at
from quickstudy.stats.disagreement import disagreement
from quickstudy.stats.risk import Decision

if TYPE_CHECKING:
    from quickstudy.deploy.core.context import Context

SUCCEEDED = "another version answers from now on"
STRETCH = 50  # cases that a point of the learning curve stands for
ALTERNATIVES = 5


def predict(context: Context, request: Predict) -> list[Answer]:
    """Decide on each prediction, in order."""
    if context.hosted_learners.get(request.hosted.name) is not request.hosted:
        raise InputError(f"learner {request.hosted.name!r} was deleted meanwhile")
    together: dict[str, bytes] = {}
    for item in request.items:
        if item.id is not None:
            checked_name("id", item.id)
            if item.id.startswith(feedback.OURS):
                raise InputError(f"id {item.id!r} starts with {feedback.OURS!r}, as only ours do")
            case = context.rows.find(CASES, item.id)
            record = digest(context.secret, item.record)
            same = together.setdefault(item.id, record) == record
            if not same or (case and _other(context, case, request.hosted, item)):
                raise InputError(f"id {item.id!r} was used for another record; give each its own")
    pause = enforce.pause_in_force(context, request.hosted)
    return [shown(_one(context, request, item, pause)) for item in request.items]


def shown(answer: Answer) -> Answer:
    """What of an answer may be seen at its level: in the shadow, nothing of what it says."""
    if answer.level != "shadow":
        return answer
    return replace(answer, label=None, confidence=0.0, novelty=0.0, alternatives=())


def _other(context: Context, case: Row, hosted: HostedLearner, item: Predicted) -> bool:
    same = case["input"] == digest(context.secret, item.record) and case["learner"] == hosted.number
    return not same


def _limit(context: Context, hosted: HostedLearner, item: Predicted, ruling: GatedDecision) -> str:
    """The limit that forbids to act, if it would."""
    label = item.prediction.label
    if label is None or not (ruling.decision.act or ruling.held):
        return ""
    return enforce.refusal(context, hosted, item.record, label)


def _one(context: Context, request: Predict, item: Predicted, pause: str) -> Answer:
    known = context.rows.find(CASES, item.id) if item.id is not None else None
    if known:
        return _again(context, request, item, answer_of(context, known, request.hosted.name), pause)
    hosted, said = request.hosted, item.prediction
    control = context.control(hosted)
    level, min_label_probability = control.level, control.min_label_probability
    sure = said.confidence if said.label is not None else 0.0
    ruling = control.decide(sure, said.label, eligible=said.unfamiliar is None)
    hit = _limit(context, hosted, item, ruling)
    limit = pause or (SUCCEEDED if item.version != hosted.roles.champion else hit)
    if limit:
        ruling = vetoed(ruling)
    decision = ruling.decision
    if decision.act and said.label is not None:
        enforce.acted(context, hosted, said.label)
    why = control.reason(ruling, said.label, limit)
    if said.unfamiliar:
        why = forms.told(said.unfamiliar, limit)
    if not decision.labelled:
        control.record(ruling, None)
    seq = context.transaction.head[0] + 1
    case_id = item.id or f"{feedback.OURS}{seq:010x}{secrets.token_hex(5)}"
    promised = encode_decision(ruling, hosted.epoch)
    payload = {
        "record": item.record,
        "label": said.label,
        "confidence": said.confidence,
        "novelty": said.novelty,
        "alternatives": said.probabilities.top(ALTERNATIVES),
        "reason": why,
        "decision": promised,
        "seen": item.seen,
        "level": level,
        "least": min_label_probability,
        "limit": limit,
        "version": item.version,
        **forms.written_unfamiliar(said.unfamiliar),
    }
    context.log("predicted", hosted.number, actor=request.actor, subject=case_id, payload=payload)
    context.once_committed(partial(hosted.recent.add, case_id, StoredVotes.of(said)))
    if limit and limit == hit:
        about = {"limit": limit, "case": seq}
        context.log("limited", hosted.number, actor="desk", subject=case_id, payload=about)
    context.note_steps(hosted)
    stretch = _tally(context, hosted, decision)
    if said.unfamiliar:
        forms.count(context, hosted, said.unfamiliar)
    case = _case(context, hosted, item, ruling, case_id=case_id, seq=seq)
    due = {"decision": written(promised) if decision.labelled else None, "stretch": stretch}
    context.rows.put(CASES, case | due)
    answer = make_answer(payload, case_id, hosted.name, seq=seq, time=context.transaction.time)
    if item.id is not None:
        _join_early(context, item.id)
    return answer


def _again(
    context: Context, request: Predict, item: Predicted, answer: Answer, pause: str
) -> Answer:
    """An answer that was given before; nobody is to act on it any more if that is forbidden now."""
    hosted = request.hosted
    if answer.decision == "ask" or answer.label is None:
        return answer
    limit = pause or enforce.refusal(context, hosted, item.record, answer.label)
    if not limit and hosted.control.level != "act":
        limit = f"the level is {hosted.control.level} now"
    if not limit:
        return answer
    told = f"it was to act, but that is forbidden now: {limit}"
    return replace(answer, decision="ask", policy=0, audit=False, limit=limit, reason=told)


def _case(
    context: Context,
    hosted: HostedLearner,
    item: Predicted,
    ruling: GatedDecision,
    *,
    case_id: str,
    seq: int,
) -> Row:
    decision = ruling.decision
    now = context.transaction.time
    experts = item.prediction.votes[:-MEMBERS]
    return {
        "id": case_id,
        "seq": seq,
        "learner": hosted.number,
        "time": now,
        "expires": now + hosted.settings.wait_seconds if decision.labelled else None,
        "status": "waiting" if decision.labelled else "closed",
        "answer": written(item.prediction.label),
        "acted": int(decision.act),
        "audit": int(decision.audit),
        "held": int(ruling.held),
        "usefulness": disagreement(experts),
        "input": digest(context.secret, item.record),
        "probability": decision.label_probability,
        "truth": None,
        "wrong": None,
    }


def _tally(context: Context, hosted: HostedLearner, decision: Decision) -> int:
    """Count the case; the number of the stretch that it belongs to."""
    row = context.count(hosted, cases=1, acted=decision.act, waiting=decision.labelled)
    number = int(row["tally"]["cases"] - 1) // STRETCH
    stretch = context.rows.find(STRETCHES, hosted.number, number) or new_stretch(
        hosted.number, number
    )
    changed = {"cases": stretch["cases"] + 1, "acted": stretch["acted"] + decision.act}
    context.rows.put(STRETCHES, {**stretch, **changed})
    return number


def new_stretch(learner: int, number: int) -> Row:
    """A stretch of the stream in which nothing happened yet."""
    counts = dict.fromkeys(("cases", "acted", "labels"), 0)
    return {"learner": learner, "number": number, **counts, "weight": 0.0, "right": 0.0}


def _join_early(context: Context, case_id: str) -> None:
    """Take in the feedback that came before its prediction."""
    connection = context.transaction.connection
    query = EARLY.select().where(EARLY.c.case_id == case_id).order_by(EARLY.c.seq)
    seqs = [row.seq for row in connection.execute(query)]
    if seqs:
        connection.execute(EARLY.delete().where(EARLY.c.case_id == case_id))
        for seq in seqs:
            event = events_at(connection, [seq])[seq]
            if event.subject != case_id:
                raise damaged(EARLY)
            given = {**event.read()["given"], "prediction_id": case_id}
            feedback.join(context, Feedback(**given), event.actor)


def answer_of(context: Context, case: Row, learner: str) -> Answer:
    """The answer that was given for a case."""
    payload = context.payload(case["seq"])
    return make_answer(payload, case["id"], learner, seq=case["seq"], time=case["time"])


def make_answer(
    payload: dict[str, Any], case_id: str, learner: str, *, seq: int, time: float
) -> Answer:
    """The answer that a `predicted` event stands for."""
    decision = payload["decision"]
    return Answer(
        id=case_id,
        learner=learner,
        label=payload["label"],
        decision="act" if decision["act"] else "ask",
        confidence=payload["confidence"],
        novelty=payload["novelty"],
        policy=decision["policy"],
        audit=decision["audit"],
        reason=payload["reason"],
        level=payload["level"],
        held=decision.get("held", False),
        limit=payload["limit"],
        version=payload["version"],
        alternatives=tuple((label, p) for label, p in payload["alternatives"]),
        seq=seq,
        time=time,
        unfamiliar=forms.read_unfamiliar(payload),
    )
