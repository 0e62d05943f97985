"""Decides feedback: its status, whether it counts, what is learned from it, and its receipt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from quickstudy.api.checks import checked_flag, checked_label, checked_name
from quickstudy.api.decisions import Feedback, Receipt, Status
from quickstudy.deploy.core.context import Context
from quickstudy.deploy.core.contract import SYSTEM, Decided, Draft
from quickstudy.deploy.core.records import decode, digest, encode
from quickstudy.deploy.core.tables import (
    CASES,
    INPUT_LABELS,
    LABELS_BY_SOURCE,
    RECEIPTS,
    Row,
)
from quickstudy.deploy.decisions.commands import RecordFeedback
from quickstudy.deploy.decisions.disputes import relabelled
from quickstudy.deploy.decisions.expiry import expire_case
from quickstudy.deploy.decisions.statuses import LEARNED, MESSAGES, Known, status_of
from quickstudy.deploy.hosting.learner import HostedLearner
from quickstudy.deploy.hosting.transaction import HostedLearners
from quickstudy.deploy.versions.exam import auto_pin
from quickstudy.errors import InputError, LabelError, NotFoundError
from quickstudy.types import Label

OURS = "p_"  # prefix of the ids that the deployment makes


@dataclass(frozen=True, slots=True)
class Checked:
    """A checked feedback, with its source and the digests that identify repeats."""

    given: Feedback
    source: str
    content: bytes
    key: bytes


def _digested(context: Context, given: Feedback, actor: str) -> Checked:
    source = given.source if given.source is not None else actor
    about = (
        given.prediction_id if given.prediction_id is not None else [given.learner, given.record]
    )
    content = digest(context.secret, about, source, given.label, given.correct)
    key = digest(context.secret, "key", source, given.key) if given.key is not None else content
    return Checked(given, source, content, key)


def check(given: Feedback) -> Feedback:
    """The feedback with plain label and names.

    Raises:
        InputError, LabelError: its subject or its label is missing or not valid; names the field.
    """
    names: dict[str, Any] = {
        name: checked_name(name, value)
        for name in ("prediction_id", "source", "key", "learner")
        if (value := getattr(given, name)) is not None
    }
    correct = None if given.correct is None else checked_flag("correct", given.correct)
    given = replace(given, **names, correct=correct)
    if (given.prediction_id is None) == (given.record is None):
        raise InputError("give either prediction_id, or learner and record")
    if given.record is not None and (given.learner is None or given.label is None):
        raise InputError("a record is taught with learner and label")
    if (given.label is None) == (given.correct is None):
        raise LabelError("give either label, or correct=True or False")
    return given if given.label is None else replace(given, label=checked_label(given.label))


def record_feedback(context: Context, command: RecordFeedback) -> Decided[list[Receipt]]:
    """Decide feedback in order: all of it, or, if one is refused, none."""
    items = [_digested(context, given, command.actor) for given in command.items]
    _prefetch(context, items)
    contents: dict[bytes, bytes] = {}
    new: dict[int, set[str]] = {}
    for item in items:
        known = context.rows.find(RECEIPTS, item.key)
        kept = decode(known["receipt"])["content"] if known else item.content.hex()
        first = contents.setdefault(item.key, item.content)
        if kept != item.content.hex() or first != item.content:
            raise InputError(f"key {item.given.key!r} was used for another feedback; use a new one")
        _check_room(context, item.given, new)
    receipts = []
    for item in items:
        receipt = yield from _decide(context, item, command.actor)
        receipts.append(receipt)
    return receipts


def _prefetch(context: Context, items: Sequence[Checked]) -> None:
    """Read all rows that these feedbacks need by a few statements."""
    rows = context.rows
    about = [(i.given.prediction_id, i.source) for i in items if i.given.prediction_id is not None]
    rows.prefetch(RECEIPTS, [(item.key,) for item in items])
    rows.prefetch(CASES, [(case_id,) for case_id, _ in about])
    rows.prefetch(LABELS_BY_SOURCE, about)
    cases = [case for case_id, _ in about if (case := rows.find(CASES, case_id))]
    rows.prefetch(INPUT_LABELS, [(case["learner"], case["input"]) for case in cases])


def _check_room(context: Context, given: Feedback, new: dict[int, set[str]]) -> None:
    """Check that the learner has room for the label; `new` collects new labels of the command."""
    learners = context.of(HostedLearners)
    hosted: HostedLearner | None = None
    if given.record is not None:
        hosted = learners.in_service(str(given.learner), context)
    elif case := context.rows.find(CASES, given.prediction_id):
        hosted = learners.of_case(case)
        if hosted is None:
            raise NotFoundError(f"the learner of prediction {case['id']!r} was deleted")
        if given.correct is not None and case["answer"] == "null":
            raise LabelError(f"prediction {case['id']!r} had no answer: give its label")
    if hosted and given.label is not None:
        hosted.check_label(given.label, new.setdefault(hosted.number, set()))


def _decide(context: Context, item: Checked, actor: str) -> Decided[Receipt]:
    told_by_case = _told_by_case(context, item)
    known = None if told_by_case else context.rows.find(RECEIPTS, item.key)
    if known:
        return _repeated(decode(known["receipt"]))
    receipt = {} if told_by_case else {"receipt": [item.key.hex(), item.content.hex()]}
    if item.given.record is not None:
        return (yield from _taught(context, item, actor, receipt))
    return (yield from _about_case(context, item, actor, receipt))


def _told_by_case(context: Context, item: Checked) -> bool:
    """Whether a repeat is recognised by the source's last label for the case, as there is no key.

    So a source may give x, then y, then x again: a change of mind, not a repeat.
    """
    case_id = item.given.prediction_id
    if item.given.key is not None or case_id is None:
        return False
    return bool(context.rows.find(CASES, case_id))


def _repeated(kept: dict[str, Any]) -> Receipt:
    del kept["content"]
    return Receipt(**{**kept, "status": "repeated", "message": MESSAGES["repeated"]})


def _taught(context: Context, item: Checked, actor: str, more: dict[str, Any]) -> Decided[Receipt]:
    """Decide a labelled record that has no prediction."""
    hosted = context.of(HostedLearners).in_service(str(item.given.learner), context)
    label = item.given.label
    place = (hosted.number, digest(context.secret, item.given.record))
    row = relabelled(context.rows.find(INPUT_LABELS, *place), place, encode(label), item.source)
    status: Status = "contested" if row["contested"] else "accepted"
    learn = None if row["contested"] else "label"
    payload = {"record": item.given.record, "learn": learn, "label": label, **more}
    return (yield from _log(item, actor, hosted, status, payload))


def _about_case(
    context: Context, item: Checked, actor: str, more: dict[str, Any]
) -> Decided[Receipt]:
    case_id = str(item.given.prediction_id)
    case = context.rows.find(CASES, case_id)
    if case is None:
        return (yield from _no_case(item, actor, more))
    learners = context.of(HostedLearners)
    hosted = learners.by_number[case["learner"]]
    answer = decode(case["answer"])
    refuted = item.given.correct is False
    label = answer if item.given.correct is not None else item.given.label
    says = {"not": label} if refuted else label
    before = context.rows.find(LABELS_BY_SOURCE, case_id, item.source)
    insists = item.given.key is not None and case["truth"] != encode(says)
    if before and before["label"] == encode(says) and not insists:
        message, counted = MESSAGES["repeated"], bool(before["counted"])
        return Receipt(before["seq"], "repeated", case_id, hosted.name, counted, message)
    if case["expires"] is not None and case["expires"] <= context.now:
        yield from expire_case(context, case)  # expiry runs only once a second
        case = context.rows.find(CASES, case_id) or case
    status, learn = _outcome(context, hosted, case, item, says=says, before=bool(before))
    wrong = refuted or answer is None or encode(label) != case["answer"]
    trusted = hosted.settings.trusted
    trusted_outcome = not (case["audit"] and trusted) or item.source in trusted
    votes = learners.votes_of(hosted, case_id) if learn == "label" else None
    if context.payload(case["seq"])["version"] != hosted.roles.champion:
        votes = None  # the votes are those of another version's experts
    payload = {
        "case": case["seq"],
        "learn": learn,
        "label": label,
        "refuted": refuted,
        "counted": trusted_outcome and context.of(HostedLearners).counts(case),
        "wrong": wrong,
        "said": votes.encoded() if votes else None,
        **more,
    }
    receipt = yield from _log(item, actor, hosted, status, payload)
    if status == "contested" and case["status"] != "contested":
        about = {"case": case["seq"]}
        yield Draft("contested", hosted.number, actor=SYSTEM, subject=case_id, payload=about)
    corrected = wrong and learn == "label" and answer is not None
    if corrected and label is not None and item.source in trusted:
        yield from auto_pin(context, hosted, case, label, item.source)
    return receipt


def _outcome(
    context: Context, hosted: HostedLearner, case: Row, item: Checked, *, says: Any, before: bool
) -> tuple[Status, str | None]:
    """The status of a feedback about a case, and what is learned: "label", "not" or None."""
    place = (hosted.number, case["input"])
    row = context.rows.find(INPUT_LABELS, *place)
    known = Known(
        case=case["status"],
        contested=bool(row and row["contested"]),
        said_before=before,
        truth=decode(case["truth"]),
        over=context.now > case["time"] + hosted.settings.wait_seconds,
    )
    status = status_of(known, says)
    if status not in LEARNED:
        return status, None
    if isinstance(says, dict):
        return status, "not"
    if relabelled(row, place, encode(says), item.source)["contested"]:
        return "contested", None
    return status, "label"


def _no_case(item: Checked, actor: str, more: dict[str, Any]) -> Decided[Receipt]:
    status: Status = "unknown" if str(item.given.prediction_id).startswith(OURS) else "early"
    given = {**asdict(item.given), "source": item.source}
    payload = {"learn": None, "label": None, "given": given, **more}
    return (yield from _log(item, actor, None, status, payload))


def join(context: Context, given: Feedback, actor: str, *, seq: int) -> Decided[None]:
    """Decide a feedback that came before its prediction; its sender already has the receipt.

    Args:
        seq: the event of the arrival of the feedback.
    """
    item = _digested(context, given, actor)
    more = {"early": seq}
    try:
        _check_room(context, given, {})
    except InputError as error:
        case = context.rows.find(CASES, given.prediction_id)
        learners = context.of(HostedLearners)
        hosted = learners.by_number.get(case["learner"]) if case else None
        payload = {"learn": None, "label": given.label, "refused": str(error), **more}
        yield from _log(item, actor, hosted, "early", payload)
        return
    yield from _about_case(context, item, actor, more)


def _log(
    item: Checked,
    actor: str,
    hosted: HostedLearner | None,
    status: Status,
    payload: dict[str, Any],
) -> Decided[Receipt]:
    """Log a feedback; returns its receipt."""
    subject = item.given.prediction_id or ""
    payload = {"status": status, "source": item.source, "counted": False, **payload}
    number = hosted.number if hosted else 0
    event = yield Draft("feedback", number, actor=actor, subject=subject, payload=payload)
    name = hosted.name if hosted else None
    counted = bool(payload["counted"])
    return Receipt(event.seq, status, subject or None, name, counted, MESSAGES[status])


def label_of(payload: dict[str, Any]) -> Label | dict[str, Any] | None:
    """The label that a `feedback` event gives a case, or {"not": label}."""
    refuted = payload.get("refuted", payload["learn"] == "not")
    return {"not": payload["label"]} if refuted else payload["label"]
