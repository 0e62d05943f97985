"""Feedback at the desk: what it counts for, what it teaches, and what its sender is told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from quickstudy.api.checks import checked_flag, checked_label, checked_name
from quickstudy.api.decisions import Feedback, Receipt, Status
from quickstudy.deploy.core.records import digest, read, written
from quickstudy.deploy.core.tables import CASES, EARLY, INPUTS, RECEIPTS, SAID, STRETCHES, Row
from quickstudy.deploy.decisions.annotators import SURE, credit
from quickstudy.deploy.decisions.commands import RecordFeedback, ResolveDispute
from quickstudy.deploy.hosting.learner import HostedLearner
from quickstudy.deploy.hosting.updates import update_of
from quickstudy.deploy.versions.exam import auto_pin
from quickstudy.errors import InputError, LabelError, NotFoundError
from quickstudy.types import Label

if TYPE_CHECKING:
    from quickstudy.deploy.core.context import Context

OURS = "p_"  # what the ids that we make start with
CHANGES, SOURCES_NEEDED = 3, 2  # of label on one input, before it is contested
EARLY_SECONDS = 7 * 86_400.0
TEACHES: frozenset[Status] = frozenset({"accepted", "superseded", "conflicting", "late"})
MESSAGES: dict[Status, str] = {
    "accepted": "on disk, and learned",
    "repeated": "this was sent before; nothing changed",
    "superseded": "it replaces what this source said before",
    "confirmed": "another source had said the same; kept, not learned twice",
    "conflicting": "another source had said otherwise; the newer label is learned",
    "late": "learned; the wait time was over, so it does not count towards precision",
    "early": "kept until a prediction with this id is made",
    "unknown": "no prediction with this id was ever made here; kept, nothing is learned",
    "contested": "people disagree on this input; kept, not learned until somebody rules",
}


@dataclass(frozen=True, slots=True)
class Word:
    """A feedback after checking: who says what, and the digest that tells repeats."""

    given: Feedback
    source: str
    content: bytes
    key: bytes


def _word(context: Context, given: Feedback, actor: str) -> Word:
    source = given.source if given.source is not None else actor
    about = (
        given.prediction_id if given.prediction_id is not None else [given.learner, given.record]
    )
    content = digest(context.secret, about, source, given.label, given.correct)
    key = digest(context.secret, "key", source, given.key) if given.key is not None else content
    return Word(given, source, content, key)


def check(given: Feedback) -> Feedback:
    """The feedback with its label and names plain.

    Raises:
        InputError, LabelError: it does not say what about, or what; names the field.
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


def give(context: Context, request: RecordFeedback) -> list[Receipt]:
    """Take in feedback, in order: all of it, or, if one cannot be read, none."""
    words = [_word(context, item, request.actor) for item in request.items]
    _load(context, words)
    contents: dict[bytes, bytes] = {}
    new: dict[int, set[str]] = {}
    for word in words:
        known = context.rows.find(RECEIPTS, word.key)
        kept = json.loads(known["receipt"])["content"] if known else word.content.hex()
        if (
            kept != word.content.hex()
            or contents.setdefault(word.key, word.content) != word.content
        ):
            raise InputError(f"key {word.given.key!r} was used for another feedback; use a new one")
        _check_room(context, word.given, new)
    return [_one(context, word, request.actor) for word in words]


def _load(context: Context, words: Sequence[Word]) -> None:
    """Have all rows that these feedbacks need at hand by a few looks."""
    ids = [word.given.prediction_id for word in words if word.given.prediction_id is not None]
    context.rows.load(RECEIPTS, [(word.key,) for word in words])
    context.rows.load(CASES, [(case_id,) for case_id in ids])
    about = [(w.given.prediction_id, w.source) for w in words if w.given.prediction_id is not None]
    context.rows.load(SAID, about)
    cases = [case for case_id in ids if (case := context.rows.find(CASES, case_id))]
    context.rows.load(INPUTS, [(case["learner"], case["input"]) for case in cases])


def _check_room(context: Context, given: Feedback, new: dict[int, set[str]]) -> None:
    """Whether it can be learned; `new` gathers the labels that a request brings."""
    hosted: HostedLearner | None = None
    if given.record is not None:
        hosted = context.hosted(str(given.learner))
    elif case := context.rows.find(CASES, given.prediction_id):
        hosted = context.of_case(case)
        if hosted is None:
            raise NotFoundError(f"the learner of prediction {case['id']!r} was deleted")
        if given.correct is not None and case["answer"] == "null":
            raise LabelError(f"prediction {case['id']!r} had no answer: give its label")
    if hosted and given.label is not None:
        _check_label(hosted, given.label, new.setdefault(hosted.number, set()))


def _check_label(hosted: HostedLearner, label: Label, new: set[str]) -> None:
    if hosted.has_label(label):
        return
    new.add(written(label))
    if len(hosted.known) + len(new - hosted.known) > hosted.most_labels:
        raise LabelError(
            f"label {label!r:.80} is one too many: budget_mb={hosted.settings.budget_mb:g} is for "
            f"{hosted.most_labels} labels"
        )


def _one(context: Context, word: Word, actor: str) -> Receipt:
    told_by_case = _told_by_case(context, word)
    known = None if told_by_case else context.rows.find(RECEIPTS, word.key)
    if known:
        return _repeated(json.loads(known["receipt"]))
    if word.given.record is not None:
        receipt = _taught(context, word, actor)
    else:
        receipt = _about_case(context, word, actor)
    if not told_by_case:
        kept = {**asdict(receipt), "content": word.content.hex()}
        context.rows.put(RECEIPTS, {"digest": word.key, "receipt": written(kept)})
    return receipt


def _told_by_case(context: Context, word: Word) -> bool:
    """Without a key, what a source said last of a case tells whether it says so again.

    So it may say x, then y, then x once more: that is a change of mind, not a repetition.
    """
    case_id = word.given.prediction_id
    return (
        word.given.key is None and case_id is not None and bool(context.rows.find(CASES, case_id))
    )


def _repeated(kept: dict[str, Any]) -> Receipt:
    del kept["content"]
    return Receipt(**{**kept, "status": "repeated", "message": MESSAGES["repeated"]})


def _taught(context: Context, word: Word, actor: str) -> Receipt:
    """A record with its label, of which no prediction was asked."""
    hosted = context.hosted(str(word.given.learner))
    assert word.given.label is not None
    label = word.given.label
    place = (hosted.number, digest(context.secret, word.given.record))
    contested = _note_input(context, place, written(label), word.source)
    status: Status = "contested" if contested else "accepted"
    learn = None if contested else "label"
    extra = {"record": word.given.record, "learn": learn}
    return _log(context, word, actor, hosted=hosted, status=status, label=label, extra=extra)


def _about_case(context: Context, word: Word, actor: str) -> Receipt:
    case_id = str(word.given.prediction_id)
    case = context.rows.find(CASES, case_id)
    if case is None:
        return _no_case(context, word, actor, case_id)
    hosted = context.by_number[case["learner"]]
    answer = read(case["answer"])
    refuted = word.given.correct is False
    label = answer if word.given.correct is not None else word.given.label
    says = written({"not": label} if refuted else label)
    before = context.rows.find(SAID, case_id, word.source)
    insists = word.given.key is not None and case["truth"] != says
    if before and before["label"] == says and not insists:
        told, counted = MESSAGES["repeated"], bool(before["counted"])
        return Receipt(before["seq"], "repeated", case_id, hosted.name, counted, told)
    if case["expires"] is not None and case["expires"] <= context.transaction.time:
        context.expire_case(case)  # the clock comes by once a second only
        case = context.rows.find(CASES, case_id) or case
    status = _status(context, case, hosted, before, says)
    learn = ("not" if refuted else "label") if status in TEACHES else None
    if learn == "label" and _note_input(
        context, (hosted.number, case["input"]), written(label), word.source
    ):
        status, learn = "contested", None
    wrong = refuted or answer is None or written(label) != case["answer"]
    trusted = (
        not (case["audit"] and hosted.settings.trusted) or word.source in hosted.settings.trusted
    )
    counted = trusted and _count(context, hosted, case, wrong)
    said = context.said(hosted, case_id) if learn == "label" else None
    if context.payload(case["seq"])["version"] != hosted.roles.champion:
        said = None  # these were the votes of other experts
    extra = {
        "case": case["seq"],
        "learn": learn,
        "counted": counted,
        "wrong": wrong,
        "said": said.written() if said else None,
    }
    receipt = _log(context, word, actor, hosted=hosted, status=status, label=label, extra=extra)
    corrected = wrong and learn == "label" and answer is not None
    if corrected and word.source in hosted.settings.trusted:
        auto_pin(context, hosted, case, read(says), word.source)
    row = {"case_id": case_id, "source": word.source, "label": says, "seq": receipt.seq}
    context.rows.put(SAID, row | {"counted": int(counted)})
    _close_case(context, hosted, case, status=status, says=says, counted=counted)
    return receipt


def _status(
    context: Context, case: Row, hosted: HostedLearner, before: Row | None, says: str
) -> Status:
    place = context.rows.find(INPUTS, hosted.number, case["input"])
    if case["status"] == "contested" or (place and place["contested"]):
        return "contested"
    if before:
        return "superseded"
    if case["truth"] is not None:
        return _beside(read(case["truth"]), read(says))
    over = context.transaction.time > case["time"] + hosted.settings.wait_seconds
    late = case["status"] == "expired" or (case["status"] == "closed" and over)
    return "late" if late else "accepted"


def _beside(truth: Any, says: Any) -> Status:
    """What a word is beside an earlier one of another source; either may be {"not": label}."""
    if written(truth) == written(says):
        return "confirmed"
    if isinstance(truth, dict):
        contradicted = not isinstance(says, dict) and written(truth["not"]) == written(says)
        return "conflicting" if contradicted else "accepted"
    refuted = not isinstance(says, dict) or written(says["not"]) == written(truth)
    return "conflicting" if refuted else "confirmed"


def _no_case(context: Context, word: Word, actor: str, case_id: str) -> Receipt:
    status: Status = "unknown" if case_id.startswith(OURS) else "early"
    extra = {"learn": None, "given": {**asdict(word.given), "source": word.source}}
    receipt = _log(context, word, actor, hosted=None, status=status, label=None, extra=extra)
    if status == "early":
        ends = context.transaction.time + EARLY_SECONDS
        row = {"case_id": case_id, "seq": receipt.seq, "expires": ends}
        context.transaction.connection.execute(EARLY.insert(), row)
    return receipt


def join(context: Context, given: Feedback, actor: str) -> None:
    """Take in a feedback that came before its prediction; its sender has the receipt already."""
    word = _word(context, given, actor)
    try:
        _check_room(context, given, {})
    except InputError as error:
        case = context.rows.find(CASES, given.prediction_id)
        hosted = context.by_number[case["learner"]] if case else None
        extra = {"learn": None, "refused": str(error)}
        _log(context, word, actor, hosted=hosted, status="early", label=given.label, extra=extra)
        return
    _about_case(context, word, actor)


def _note_input(context: Context, place: tuple[int, bytes], label: str, source: str) -> bool:
    """Keep what an input was last called; True if it is contested, or becomes so."""
    row = context.rows.find(INPUTS, *place)
    if row is None:
        row = {
            "learner": place[0],
            "digest": place[1],
            "label": label,
            "changes": 0,
            "sources": written([source]),
            "contested": 0,
        }
        context.rows.put(INPUTS, row)
        return False
    sources = json.loads(row["sources"])
    sources = sources if source in sources else [*sources, source][-SOURCES_NEEDED:]
    changes = row["changes"] + (row["label"] != label)
    contested = row["contested"] or (changes >= CHANGES and len(sources) >= SOURCES_NEEDED)
    context.rows[INPUTS].change(
        place, label=label, changes=changes, sources=written(sources), contested=int(contested)
    )
    return bool(contested)


def _count(context: Context, hosted: HostedLearner, case: Row, wrong: bool) -> bool:
    """Put the outcome on record if a label was due."""
    if case["decision"] is None or not context.close(hosted, case, wrong):
        return False
    stretch = context.rows.find(STRETCHES, hosted.number, case["stretch"])
    assert stretch is not None
    weight = 1.0 / case["probability"]
    changed = {
        "labels": stretch["labels"] + 1,
        "weight": stretch["weight"] + weight,
        "right": stretch["right"] + weight * (not wrong),
    }
    context.rows.put(STRETCHES, {**stretch, **changed})
    context.rows[CASES].change((case["id"],), wrong=int(wrong))
    return True


def _close_case(
    context: Context, hosted: HostedLearner, case: Row, *, status: Status, says: str, counted: bool
) -> None:
    stays = case["decision"] is not None and not counted and case["audit"]  # for a trusted source
    now = "contested" if status == "contested" else "waiting" if stays else "labelled"
    changed: dict[str, Any] = {"status": now, "truth": says}
    if not stays:
        changed |= {"decision": None, "expires": None}
    context.rows[CASES].change((case["id"],), **changed)
    if now == "contested" and case["status"] != "contested":
        payload = {"case": case["seq"]}
        context.log("contested", hosted.number, actor="desk", subject=case["id"], payload=payload)
    was = case["status"]
    context.count(
        hosted,
        waiting=(now == "waiting") - (was == "waiting"),
        contested=(now == "contested") - (was == "contested"),
    )


def _log(
    context: Context,
    word: Word,
    actor: str,
    *,
    hosted: HostedLearner | None,
    status: Status,
    label: Any,
    extra: dict[str, Any],
) -> Receipt:
    """Put a feedback on record, have it learned, and tell its sender."""
    subject = word.given.prediction_id or ""
    payload = {"status": status, "label": label, "source": word.source, "counted": False} | extra
    event = context.log(
        "feedback",
        hosted.number if hosted else 0,
        actor=actor,
        subject=subject,
        payload=payload,
    )
    if hosted and extra["learn"]:
        given = word.given.record
        told = event.read()  # what is learned is what the log says, here as in a replay
        record = told["record"] if given is not None else context.payload(payload["case"])["record"]
        context.learn(hosted, update_of(event.seq, told, record))
        context.count(hosted, labels=1)
    if hosted:
        _credit(context, hosted, word.source, payload)
    name = hosted.name if hosted else None
    counted = bool(payload["counted"])
    return Receipt(event.seq, status, subject or None, name, counted, MESSAGES[status])


def _ruled(context: Context, hosted: HostedLearner, case_id: str, label: Label) -> None:
    """Close a contested case; where its outcome is still due, the ruling is that."""
    case = context.rows.find(CASES, case_id)
    assert case is not None
    wrong = written(label) != case["answer"]
    if _count(context, hosted, case, wrong):
        payload = {"case": case["seq"], "counted": True, "wrong": wrong}
        context.log("closed", hosted.number, actor="desk", subject=case_id, payload=payload)
    changed = {"status": "labelled", "truth": written(label), "decision": None, "expires": None}
    context.rows[CASES].change((case_id,), **changed)


def _credit(context: Context, hosted: HostedLearner, source: str, payload: dict[str, Any]) -> None:
    """Put on record that a source spoke, and whether against an answer that was sure."""
    answer = context.payload(payload["case"]) if "wrong" in payload else {"confidence": 0.0}
    spoke = answer["confidence"] >= SURE
    credit(
        context,
        hosted,
        source,
        labels=int(payload["learn"] is not None),
        spoke=spoke,
        against=spoke and payload["wrong"],
    )


def rule(context: Context, request: ResolveDispute) -> Receipt:
    """A person's last word on a contested input: it is learned, and people may go on teaching."""
    case = context.rows.find(CASES, request.case_id)
    hosted = context.of_case(case) if case else None
    if case is None or hosted is None:
        raise NotFoundError(f"there is no prediction {request.case_id!r}")
    label = checked_label(request.label)
    row = context.rows.find(INPUTS, hosted.number, case["input"])
    if not row or not row["contested"]:
        raise InputError(f"prediction {request.case_id!r} is not contested: give feedback instead")
    _check_label(hosted, label, set())
    query = CASES.select().where(
        CASES.c.learner == hosted.number,
        CASES.c.input == case["input"],
        CASES.c.status == "contested",
    )
    context.rows.flush()
    found = [r.id for r in context.transaction.connection.execute(query)]
    for case_id in found:
        _ruled(context, hosted, case_id, label)
    context.rows[INPUTS].change(
        (hosted.number, case["input"]),
        label=written(label),
        changes=0,
        sources=written([request.source]),
        contested=0,
    )
    context.count(hosted, contested=-len(found), labels=1)
    payload = {
        "label": label,
        "source": request.source,
        "learn": "label",
        "case": case["seq"],
        "closed": found,
    }
    event = context.log(
        "ruled",
        hosted.number,
        actor=request.actor,
        subject=request.case_id,
        payload=payload,
    )
    credit(context, hosted, request.source, labels=1, spoke=False, against=False)
    context.learn(hosted, update_of(event.seq, payload, context.payload(case["seq"])["record"]))
    told = "the ruling is learned, and the input is no longer contested"
    return Receipt(event.seq, "accepted", request.case_id, hosted.name, False, told)
