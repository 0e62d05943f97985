"""Feedback at the desk: what it counts for, what it teaches, and what its sender is told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from quickstudy.api.decisions import Feedback, Receipt, Status
from quickstudy.deploy.core.records import (
    checked_flag,
    checked_label,
    checked_name,
    digest,
    read,
    written,
)
from quickstudy.deploy.core.tables import CASES, EARLY, INPUTS, RECEIPTS, SAID, STRETCHES, Row
from quickstudy.deploy.decisions.annotators import SURE, credit
from quickstudy.deploy.decisions.commands import Give, Rule
from quickstudy.deploy.hosting.learner import Duty
from quickstudy.deploy.hosting.updates import lesson_of
from quickstudy.deploy.versions.exam import auto_pin
from quickstudy.errors import InputError, LabelError, NotFoundError
from quickstudy.types import Label

if TYPE_CHECKING:
    from quickstudy.deploy.core.context import Desk

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


def _word(desk: Desk, given: Feedback, actor: str) -> Word:
    source = given.source if given.source is not None else actor
    about = (
        given.prediction_id if given.prediction_id is not None else [given.learner, given.record]
    )
    content = digest(desk.secret, about, source, given.label, given.correct)
    key = digest(desk.secret, "key", source, given.key) if given.key is not None else content
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


def give(desk: Desk, request: Give) -> list[Receipt]:
    """Take in feedback, in order: all of it, or, if one cannot be read, none."""
    words = [_word(desk, item, request.actor) for item in request.items]
    _load(desk, words)
    contents: dict[bytes, bytes] = {}
    new: dict[int, set[str]] = {}
    for word in words:
        known = desk.book.find(RECEIPTS, word.key)
        kept = json.loads(known["receipt"])["content"] if known else word.content.hex()
        if (
            kept != word.content.hex()
            or contents.setdefault(word.key, word.content) != word.content
        ):
            raise InputError(f"key {word.given.key!r} was used for another feedback; use a new one")
        _check_room(desk, word.given, new)
    return [_one(desk, word, request.actor) for word in words]


def _load(desk: Desk, words: Sequence[Word]) -> None:
    """Have all rows that these feedbacks need at hand by a few looks."""
    ids = [word.given.prediction_id for word in words if word.given.prediction_id is not None]
    desk.book.load(RECEIPTS, [(word.key,) for word in words])
    desk.book.load(CASES, [(case_id,) for case_id in ids])
    about = [(w.given.prediction_id, w.source) for w in words if w.given.prediction_id is not None]
    desk.book.load(SAID, about)
    cases = [case for case_id in ids if (case := desk.book.find(CASES, case_id))]
    desk.book.load(INPUTS, [(case["learner"], case["input"]) for case in cases])


def _check_room(desk: Desk, given: Feedback, new: dict[int, set[str]]) -> None:
    """Whether it can be learned; `new` gathers the labels that a request brings."""
    duty: Duty | None = None
    if given.record is not None:
        duty = desk.duty(str(given.learner))
    elif case := desk.book.find(CASES, given.prediction_id):
        duty = desk.of_case(case)
        if duty is None:
            raise NotFoundError(f"the learner of prediction {case['id']!r} was deleted")
        if given.correct is not None and case["answer"] == "null":
            raise LabelError(f"prediction {case['id']!r} had no answer: give its label")
    if duty and given.label is not None:
        _check_label(duty, given.label, new.setdefault(duty.number, set()))


def _check_label(duty: Duty, label: Label, new: set[str]) -> None:
    if duty.knows(label):
        return
    new.add(written(label))
    if len(duty.known) + len(new - duty.known) > duty.most_labels:
        raise LabelError(
            f"label {label!r:.80} is one too many: budget_mb={duty.settings.budget_mb:g} is for "
            f"{duty.most_labels} labels"
        )


def _one(desk: Desk, word: Word, actor: str) -> Receipt:
    told_by_case = _told_by_case(desk, word)
    known = None if told_by_case else desk.book.find(RECEIPTS, word.key)
    if known:
        return _repeated(json.loads(known["receipt"]))
    if word.given.record is not None:
        receipt = _taught(desk, word, actor)
    else:
        receipt = _about_case(desk, word, actor)
    if not told_by_case:
        kept = {**asdict(receipt), "content": word.content.hex()}
        desk.book.put(RECEIPTS, {"digest": word.key, "receipt": written(kept)})
    return receipt


def _told_by_case(desk: Desk, word: Word) -> bool:
    """Without a key, what a source said last of a case tells whether it says so again.

    So it may say x, then y, then x once more: that is a change of mind, not a repetition.
    """
    case_id = word.given.prediction_id
    return word.given.key is None and case_id is not None and bool(desk.book.find(CASES, case_id))


def _repeated(kept: dict[str, Any]) -> Receipt:
    del kept["content"]
    return Receipt(**{**kept, "status": "repeated", "message": MESSAGES["repeated"]})


def _taught(desk: Desk, word: Word, actor: str) -> Receipt:
    """A record with its label, of which no prediction was asked."""
    duty = desk.duty(str(word.given.learner))
    assert word.given.label is not None
    label = word.given.label
    place = (duty.number, digest(desk.secret, word.given.record))
    contested = _note_input(desk, place, written(label), word.source)
    status: Status = "contested" if contested else "accepted"
    learn = None if contested else "label"
    extra = {"record": word.given.record, "learn": learn}
    return _log(desk, word, actor, duty=duty, status=status, label=label, extra=extra)


def _about_case(desk: Desk, word: Word, actor: str) -> Receipt:
    case_id = str(word.given.prediction_id)
    case = desk.book.find(CASES, case_id)
    if case is None:
        return _no_case(desk, word, actor, case_id)
    duty = desk.by_number[case["learner"]]
    answer = read(case["answer"])
    refuted = word.given.correct is False
    label = answer if word.given.correct is not None else word.given.label
    says = written({"not": label} if refuted else label)
    before = desk.book.find(SAID, case_id, word.source)
    insists = word.given.key is not None and case["truth"] != says
    if before and before["label"] == says and not insists:
        told, counted = MESSAGES["repeated"], bool(before["counted"])
        return Receipt(before["seq"], "repeated", case_id, duty.name, counted, told)
    if case["expires"] is not None and case["expires"] <= desk.transaction.time:
        desk.expire_case(case)  # the clock comes by once a second only
        case = desk.book.find(CASES, case_id) or case
    status = _status(desk, case, duty, before, says)
    learn = ("not" if refuted else "label") if status in TEACHES else None
    if learn == "label" and _note_input(
        desk, (duty.number, case["input"]), written(label), word.source
    ):
        status, learn = "contested", None
    wrong = refuted or answer is None or written(label) != case["answer"]
    trusted = not (case["audit"] and duty.settings.trusted) or word.source in duty.settings.trusted
    counted = trusted and _count(desk, duty, case, wrong)
    said = desk.said(duty, case_id) if learn == "label" else None
    if desk.payload(case["seq"])["version"] != duty.roles.champion:
        said = None  # these were the votes of other experts
    extra = {
        "case": case["seq"],
        "learn": learn,
        "counted": counted,
        "wrong": wrong,
        "said": said.written() if said else None,
    }
    receipt = _log(desk, word, actor, duty=duty, status=status, label=label, extra=extra)
    corrected = wrong and learn == "label" and answer is not None
    if corrected and word.source in duty.settings.trusted:
        auto_pin(desk, duty, case, read(says), word.source)
    row = {"case_id": case_id, "source": word.source, "label": says, "seq": receipt.seq}
    desk.book.put(SAID, row | {"counted": int(counted)})
    _close_case(desk, duty, case, status=status, says=says, counted=counted)
    return receipt


def _status(desk: Desk, case: Row, duty: Duty, before: Row | None, says: str) -> Status:
    place = desk.book.find(INPUTS, duty.number, case["input"])
    if case["status"] == "contested" or (place and place["contested"]):
        return "contested"
    if before:
        return "superseded"
    if case["truth"] is not None:
        return _beside(read(case["truth"]), read(says))
    over = desk.transaction.time > case["time"] + duty.settings.wait_seconds
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


def _no_case(desk: Desk, word: Word, actor: str, case_id: str) -> Receipt:
    status: Status = "unknown" if case_id.startswith(OURS) else "early"
    extra = {"learn": None, "given": {**asdict(word.given), "source": word.source}}
    receipt = _log(desk, word, actor, duty=None, status=status, label=None, extra=extra)
    if status == "early":
        ends = desk.transaction.time + EARLY_SECONDS
        row = {"case_id": case_id, "seq": receipt.seq, "expires": ends}
        desk.transaction.connection.execute(EARLY.insert(), row)
    return receipt


def join(desk: Desk, given: Feedback, actor: str) -> None:
    """Take in a feedback that came before its prediction; its sender has the receipt already."""
    word = _word(desk, given, actor)
    try:
        _check_room(desk, given, {})
    except InputError as error:
        case = desk.book.find(CASES, given.prediction_id)
        duty = desk.by_number[case["learner"]] if case else None
        extra = {"learn": None, "refused": str(error)}
        _log(desk, word, actor, duty=duty, status="early", label=given.label, extra=extra)
        return
    _about_case(desk, word, actor)


def _note_input(desk: Desk, place: tuple[int, bytes], label: str, source: str) -> bool:
    """Keep what an input was last called; True if it is contested, or becomes so."""
    row = desk.book.find(INPUTS, *place)
    if row is None:
        row = {
            "learner": place[0],
            "digest": place[1],
            "label": label,
            "changes": 0,
            "sources": written([source]),
            "contested": 0,
        }
        desk.book.put(INPUTS, row)
        return False
    sources = json.loads(row["sources"])
    sources = sources if source in sources else [*sources, source][-SOURCES_NEEDED:]
    changes = row["changes"] + (row["label"] != label)
    contested = row["contested"] or (changes >= CHANGES and len(sources) >= SOURCES_NEEDED)
    desk.book[INPUTS].change(
        place, label=label, changes=changes, sources=written(sources), contested=int(contested)
    )
    return bool(contested)


def _count(desk: Desk, duty: Duty, case: Row, wrong: bool) -> bool:
    """Put the outcome on record if a label was due."""
    if case["decision"] is None or not desk.close(duty, case, wrong):
        return False
    stretch = desk.book.find(STRETCHES, duty.number, case["stretch"])
    assert stretch is not None
    weight = 1.0 / case["probability"]
    changed = {
        "labels": stretch["labels"] + 1,
        "weight": stretch["weight"] + weight,
        "right": stretch["right"] + weight * (not wrong),
    }
    desk.book.put(STRETCHES, {**stretch, **changed})
    desk.book[CASES].change((case["id"],), wrong=int(wrong))
    return True


def _close_case(
    desk: Desk, duty: Duty, case: Row, *, status: Status, says: str, counted: bool
) -> None:
    stays = case["decision"] is not None and not counted and case["audit"]  # for a trusted source
    now = "contested" if status == "contested" else "waiting" if stays else "labelled"
    changed: dict[str, Any] = {"status": now, "truth": says}
    if not stays:
        changed |= {"decision": None, "expires": None}
    desk.book[CASES].change((case["id"],), **changed)
    if now == "contested" and case["status"] != "contested":
        payload = {"case": case["seq"]}
        desk.log("contested", duty.number, actor="desk", subject=case["id"], payload=payload)
    was = case["status"]
    desk.count(
        duty,
        waiting=(now == "waiting") - (was == "waiting"),
        contested=(now == "contested") - (was == "contested"),
    )


def _log(
    desk: Desk,
    word: Word,
    actor: str,
    *,
    duty: Duty | None,
    status: Status,
    label: Any,
    extra: dict[str, Any],
) -> Receipt:
    """Put a feedback on record, have it learned, and tell its sender."""
    subject = word.given.prediction_id or ""
    payload = {"status": status, "label": label, "source": word.source, "counted": False} | extra
    event = desk.log(
        "feedback",
        duty.number if duty else 0,
        actor=actor,
        subject=subject,
        payload=payload,
    )
    if duty and extra["learn"]:
        given = word.given.record
        told = event.read()  # what is learned is what the log says, here as in a replay
        record = told["record"] if given is not None else desk.payload(payload["case"])["record"]
        desk.learn(duty, lesson_of(event.seq, told, record))
        desk.count(duty, labels=1)
    if duty:
        _credit(desk, duty, word.source, payload)
    name = duty.name if duty else None
    counted = bool(payload["counted"])
    return Receipt(event.seq, status, subject or None, name, counted, MESSAGES[status])


def _ruled(desk: Desk, duty: Duty, case_id: str, label: Label) -> None:
    """Close a contested case; where its outcome is still due, the ruling is that."""
    case = desk.book.find(CASES, case_id)
    assert case is not None
    wrong = written(label) != case["answer"]
    if _count(desk, duty, case, wrong):
        payload = {"case": case["seq"], "counted": True, "wrong": wrong}
        desk.log("closed", duty.number, actor="desk", subject=case_id, payload=payload)
    changed = {"status": "labelled", "truth": written(label), "decision": None, "expires": None}
    desk.book[CASES].change((case_id,), **changed)


def _credit(desk: Desk, duty: Duty, source: str, payload: dict[str, Any]) -> None:
    """Put on record that a source spoke, and whether against an answer that was sure."""
    answer = desk.payload(payload["case"]) if "wrong" in payload else {"confidence": 0.0}
    spoke = answer["confidence"] >= SURE
    credit(
        desk,
        duty,
        source,
        labels=int(payload["learn"] is not None),
        spoke=spoke,
        against=spoke and payload["wrong"],
    )


def rule(desk: Desk, request: Rule) -> Receipt:
    """A person's last word on a contested input: it is learned, and people may go on teaching."""
    case = desk.book.find(CASES, request.case_id)
    duty = desk.of_case(case) if case else None
    if case is None or duty is None:
        raise NotFoundError(f"there is no prediction {request.case_id!r}")
    label = checked_label(request.label)
    row = desk.book.find(INPUTS, duty.number, case["input"])
    if not row or not row["contested"]:
        raise InputError(f"prediction {request.case_id!r} is not contested: give feedback instead")
    _check_label(duty, label, set())
    query = CASES.select().where(
        CASES.c.learner == duty.number,
        CASES.c.input == case["input"],
        CASES.c.status == "contested",
    )
    desk.book.flush()
    found = [r.id for r in desk.transaction.connection.execute(query)]
    for case_id in found:
        _ruled(desk, duty, case_id, label)
    desk.book[INPUTS].change(
        (duty.number, case["input"]),
        label=written(label),
        changes=0,
        sources=written([request.source]),
        contested=0,
    )
    desk.count(duty, contested=-len(found), labels=1)
    payload = {
        "label": label,
        "source": request.source,
        "learn": "label",
        "case": case["seq"],
        "closed": found,
    }
    event = desk.log(
        "ruled",
        duty.number,
        actor=request.actor,
        subject=request.case_id,
        payload=payload,
    )
    credit(desk, duty, request.source, labels=1, spoke=False, against=False)
    desk.learn(duty, lesson_of(event.seq, payload, desk.payload(case["seq"])["record"]))
    told = "the ruling is learned, and the input is no longer contested"
    return Receipt(event.seq, "accepted", request.case_id, duty.name, False, told)
