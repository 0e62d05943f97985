"""Projections of decision events: cases, labels, receipts, inputs, curve, annotators."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from quickstudy.api.decisions import Status
from quickstudy.api.settings import Settings
from quickstudy.deploy.core.projection import Projector, count, new_learner_row
from quickstudy.deploy.core.records import decode, digest, encode
from quickstudy.deploy.core.rows import Rows
from quickstudy.deploy.core.tables import (
    ANNOTATORS,
    CASES,
    CURVE_BUCKETS,
    INPUT_LABELS,
    LABELS_BY_SOURCE,
    LEARNERS,
    PENDING_FEEDBACK,
    RECEIPTS,
    Row,
)
from quickstudy.deploy.decisions.disputes import relabelled
from quickstudy.deploy.decisions.feedback import label_of
from quickstudy.deploy.decisions.queries import episode_of
from quickstudy.deploy.decisions.statuses import MESSAGES
from quickstudy.deploy.guardrails.projection import count_action
from quickstudy.deploy.kind import settings_from_plain
from quickstudy.deploy.versions.projection import first_version
from quickstudy.log.events import Logged

BUCKET = 50  # cases of one point of the learning curve
PENDING_SECONDS = 7 * 86_400.0
SURE = 0.9  # least confidence of an answer whose contradictions are counted
TALLY = ("cases", "acted", "labels", "waiting", "contested", "expired")


@lru_cache(maxsize=256)
def _settings(text: str) -> Settings:
    settings: Settings = settings_from_plain(decode(text))
    return settings


def settings_of(rows: Rows, learner: int) -> Settings:
    """The settings of a learner from its row."""
    row = rows.find(LEARNERS, learner)
    assert row is not None
    return _settings(row["settings"])


def _created(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    settings = {name: value for name, value in payload.items() if name != "version"}
    rows.upsert(LEARNERS, new_learner_row(event, settings, dict.fromkeys(TALLY, 0)))
    if "version" in payload:  # missing in events of schema 1
        first_version(rows, event, **payload["version"])


def _changed(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    settings = encode(payload["settings"])
    rows.change(LEARNERS, event.learner, settings=settings, guarantee_version=payload["epoch"])


def _predicted(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    decision = payload["decision"]
    acted, labelled = bool(decision["act"]), bool(decision["audit"] or decision["ask"])
    learner = event.learner
    if acted and payload["label"] is not None:
        count_action(rows, learner, payload["label"], event.time)
    tally = count(rows, learner, cases=1, acted=acted, waiting=labelled)
    bucket = (tally["cases"] - 1) // BUCKET
    point = rows.find(CURVE_BUCKETS, learner, bucket) or _new_bucket(learner, bucket)
    counted = {"cases": point["cases"] + 1, "acted": point["acted"] + acted}
    rows.upsert(CURVE_BUCKETS, {**point, **counted})
    if "unfamiliar" in payload:
        _count_unfamiliar(rows, event, payload, tally)
    wait = settings_of(rows, learner).wait_seconds
    rows.upsert(
        CASES,
        {
            "id": event.subject,
            "seq": event.seq,
            "learner": learner,
            "time": event.time,
            "expires": event.time + wait if labelled else None,
            "status": "waiting" if labelled else "closed",
            "answer": encode(payload["label"]),
            "acted": int(acted),
            "audit": int(decision["audit"]),
            "held": int(decision.get("held", False)),
            "score": payload.get("score", 0.0),
            "input": digest(rows.secret, payload["record"]),
            "decision": encode(decision) if labelled else None,
            "probability": decision["label_probability"],
            "bucket": bucket,
            "truth": None,
            "wrong": None,
        },
    )


def _new_bucket(learner: int, number: int) -> Row:
    """An empty bucket of the learning curve."""
    counts = dict.fromkeys(("cases", "acted", "labels"), 0)
    return {"learner": learner, "number": number, **counts, "weight": 0.0, "right": 0.0}


def _count_unfamiliar(
    rows: Rows, event: Logged, payload: dict[str, Any], tally: dict[str, Any]
) -> None:
    """Count a case of unfamiliar form, and begin or continue its episode."""
    before = episode_of(tally) or {"since": event.time, "cases": 0}
    episode = {
        "since": before["since"],
        "last": event.time,
        "cases": before["cases"] + 1,
        "at": tally["cases"],
        "unfamiliar": payload["unfamiliar"],
    }
    counted = {**tally, "unfamiliar": tally.get("unfamiliar", 0) + 1, "episode": episode}
    rows.change(LEARNERS, event.learner, tally=counted)


def _feedback(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    if "receipt" in payload:
        _receipt(rows, event, payload)
    if "early" in payload:
        rows.delete(PENDING_FEEDBACK, event.subject, payload["early"])
    if payload["status"] == "early" and not event.learner:
        ends = event.time + PENDING_SECONDS
        rows.upsert(PENDING_FEEDBACK, {"case_id": event.subject, "seq": event.seq, "expires": ends})
    if not event.learner:
        return
    if payload["learn"]:
        count(rows, event.learner, labels=1)
    if payload.get("record") is not None or "case" not in payload:
        if "record" in payload:
            place = (event.learner, digest(rows.secret, payload["record"]))
            _relabel(rows, place, payload)
        _credit(rows, event, payload, sure=False)
        return
    confidence = rows.payload_of(payload["case"])["confidence"]
    _label_case(rows, event, payload)
    _credit(rows, event, payload, sure=confidence >= SURE)


def _receipt(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    key, content = payload["receipt"]
    learner = rows.find(LEARNERS, event.learner) if event.learner else None
    status: Status = payload["status"]
    kept = {
        "seq": event.seq,
        "status": status,
        "prediction_id": event.subject or None,
        "learner": learner["name"] if learner else None,
        "counted": bool(payload["counted"]),
        "message": MESSAGES[status],
        "quarantined": "",
        "content": content,
    }
    rows.upsert(RECEIPTS, {"digest": bytes.fromhex(key), "receipt": encode(kept)})


def _relabel(rows: Rows, place: tuple[int, bytes], payload: dict[str, Any]) -> None:
    label, source = encode(payload["label"]), payload["source"]
    rows.upsert(INPUT_LABELS, relabelled(rows.find(INPUT_LABELS, *place), place, label, source))


def _label_case(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    """Write the rows of the case that a feedback is about, and of its input."""
    case = rows.find(CASES, event.subject)
    assert case is not None
    says, place = encode(label_of(payload)), (event.learner, case["input"])
    place_before = rows.find(INPUT_LABELS, *place)
    was_contested = case["status"] == "contested" or (place_before and place_before["contested"])
    becomes_contested = payload["status"] == "contested" and not was_contested
    if payload["learn"] == "label" or becomes_contested:
        _relabel(rows, place, payload)
    if payload["counted"]:
        case = _count_outcome(rows, case, wrong=payload["wrong"])
    given = {"case_id": event.subject, "source": payload["source"], "label": says}
    rows.upsert(LABELS_BY_SOURCE, given | {"seq": event.seq, "counted": int(payload["counted"])})
    stays = case["decision"] is not None and not payload["counted"] and case["audit"]
    now = "contested" if payload["status"] == "contested" else "waiting" if stays else "labelled"
    closed = (
        {} if stays else {"decision": None, "expires": None}
    )  # stays: waits for a trusted source
    rows.change(CASES, event.subject, status=now, truth=says, **closed)
    _count_status(rows, case, now)


def _count_outcome(rows: Rows, case: Row, *, wrong: bool) -> Row:
    """Count an outcome that was due; returns the new row of its case."""
    bucket = rows.find(CURVE_BUCKETS, case["learner"], case["bucket"])
    assert bucket is not None
    weight = 1.0 / case["probability"]
    counted = {
        "labels": bucket["labels"] + 1,
        "weight": bucket["weight"] + weight,
        "right": bucket["right"] + weight * (not wrong),
    }
    rows.upsert(CURVE_BUCKETS, {**bucket, **counted})
    return rows.change(CASES, case["id"], wrong=int(wrong))


def _count_status(rows: Rows, case: Row, now: str) -> None:
    was = case["status"]
    waiting = (now == "waiting") - (was == "waiting")
    contested = (now == "contested") - (was == "contested")
    if waiting or contested:
        count(rows, case["learner"], waiting=waiting, contested=contested)


def _credit(rows: Rows, event: Logged, payload: dict[str, Any], *, sure: bool) -> None:
    """Count a source's label, and whether it contradicts a confident answer."""
    source, learner = payload["source"], event.learner
    new = {"learner": learner, "source": source, "labels": 0, "rated": 0, "contradicted": 0}
    row = rows.find(ANNOTATORS, learner, source) or {**new, "first": event.time}
    changed = {
        "labels": row["labels"] + (payload["learn"] is not None),
        "rated": row["rated"] + sure,
        "contradicted": row["contradicted"] + (sure and bool(payload["wrong"])),
    }
    rows.upsert(ANNOTATORS, {**row, **changed, "last": event.time})


def _closed(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    case = rows.find(CASES, event.subject)
    assert case is not None
    if payload["counted"]:
        _count_outcome(rows, case, wrong=payload["wrong"])
        rows.change(CASES, event.subject, decision=None)


def _ruled(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    label = encode(payload["label"])
    closed = {"status": "labelled", "truth": label, "decision": None, "expires": None}
    for case_id in payload["closed"]:
        rows.change(CASES, case_id, **closed)
    case = rows.find(CASES, event.subject)
    assert case is not None
    resolved = {"changes": 0, "sources": encode([payload["source"]]), "contested": 0}
    rows.change(INPUT_LABELS, event.learner, case["input"], label=label, **resolved)
    count(rows, event.learner, contested=-len(payload["closed"]), labels=1)
    _credit(rows, event, payload, sure=False)


def _expired(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    if "early" in payload:
        rows.delete(PENDING_FEEDBACK, event.subject, payload["early"])
        return
    case = rows.find(CASES, event.subject)
    assert case is not None
    waits = case["status"] == "waiting"  # a contested case stays contested
    changed: dict[str, Any] = {"status": "expired"} if waits else {}
    if payload["counted"] and case["audit"]:
        changed["wrong"] = 1
    rows.change(CASES, event.subject, expires=None, decision=None, **changed)
    count(rows, event.learner, waiting=-int(waits), expired=int(waits))


PROJECTORS: dict[str, Projector] = {
    "created": _created,
    "changed": _changed,
    "predicted": _predicted,
    "feedback": _feedback,
    "closed": _closed,
    "ruled": _ruled,
    "expired": _expired,
}
