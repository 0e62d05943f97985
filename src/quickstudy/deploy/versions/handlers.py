"""Versions at the desk: who answers, who wants to, and who did."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from quickstudy.api.versions import Role, Version
from quickstudy.deploy.core.tables import VERSIONS, Row
from quickstudy.deploy.decisions.commands import Challenge, Made, Promote, Refuse, Rollback
from quickstudy.deploy.hosting.learner import Duty
from quickstudy.deploy.hosting.updates import Lesson
from quickstudy.deploy.versions import exam
from quickstudy.errors import InputError

if TYPE_CHECKING:
    from quickstudy.deploy.core.context import Desk

SHORT = 12  # characters of an id in messages


def first_version(desk: Desk, number: int, made: Made, *, seq: int, actor: str) -> None:
    """Put on record what a learner starts with."""
    why = "the learner was created"
    _new_row(desk, number, made, role="champion", seq=seq, actor=actor, why=why)


def _new_row(
    desk: Desk, number: int, made: Made, *, role: Role, seq: int, actor: str, why: str, **more: Any
) -> Row:
    row = {
        "learner": number,
        **asdict(made),
        "simpler": int(made.simpler),
        "role": role,
        "seq": seq,
        "time": desk.transaction.time,
        "actor": actor,
        "why": why,
        "challenged": 0,
        "left": 0,
        "anchor": "",
        **more,
    }
    desk.book.put(VERSIONS, row)
    return row


def challenge(desk: Desk, request: Challenge) -> Version:
    """A version wants to answer: from now on it is in shadow."""
    duty, made = request.duty, request.made
    _check_on_duty(desk, duty)
    if rival := duty.roles.challenger:
        raise InputError(f"{rival[:SHORT]} challenges already: withdraw it first, or wait for it")
    if desk.book.find(VERSIONS, duty.number, made.id):
        raise InputError(f"version {made.id[:SHORT]} is known: it was in shadow before")
    about = asdict(made) | {"seed": duty.settings.seed}
    who = {"actor": request.actor, "subject": made.id}
    event = desk.log("consolidated", duty.number, **who, payload=about)
    why = {"reason": request.reason}
    challenged = desk.log("challenged", duty.number, **who, payload=why)
    row = _new_row(
        desk,
        duty.number,
        made,
        role="challenger",
        seq=event.seq,
        actor=request.actor,
        why=request.reason,
        challenged=challenged.seq,
    )
    desk.set_roles(duty, challenger=made.id)
    return version_of(row, duty.name)


def promote(desk: Desk, request: Promote) -> Version:
    """The challenger answers from now on."""
    duty, version = request.duty, request.version
    _check_challenger(desk, duty, version)
    champion = duty.roles.champion
    payload = {
        "base": "version",
        "at": _row(desk, duty, version)["asof"],
        "conditions": [asdict(condition) for condition in request.conditions],
        "override": list(request.override),
        "better": request.better,
    }
    if request.exam not in (None, exam.mark(desk.transaction.connection, duty.number)):
        raise InputError("the exam was changed meanwhile: try again")
    # what the champion may do alone was proved of its own answers, not of those of a stranger
    if request.override:
        desk.prove_anew(duty, duty.settings, f"{version[:SHORT]} did not pass the gate")
    elif _row(desk, duty, version)["kind"] == "imported":
        desk.prove_anew(duty, duty.settings, f"{version[:SHORT]} was made elsewhere")
    seq = _switch(desk, "promoted", duty, version, payload, request.actor, request.reason)
    if duty.roles.previous:
        _change(desk, duty, duty.roles.previous, role="retired")
    why = f"{version[:SHORT]} was promoted: {request.reason}"
    gone = _change(desk, duty, champion, role="previous", left=seq, why=why)
    anchor = "" if request.better else gone["anchor"] or champion
    row = _change(desk, duty, version, role="champion", why=request.reason, anchor=anchor)
    desk.set_roles(duty, champion=version, challenger="", previous=champion)
    return version_of(row, duty.name)


def rollback(desk: Desk, request: Rollback) -> Version:
    """The version that answered before answers again, with all that was taught since."""
    duty = request.duty
    _check_on_duty(desk, duty)
    previous, champion = duty.roles.previous, duty.roles.champion
    if not previous or request.version not in ("", previous):
        raise InputError(f"learner {duty.name!r} has no previous version to go back to")
    if duty.roles.challenger:  # it was measured against the one that leaves now
        _end(desk, duty, "withdrawn", "retired", request.actor, "the champion was rolled back")
    payload = {"base": "leaving", "at": _row(desk, duty, previous)["left"]}
    if not request.by_gate:  # it has evidence; people may also go back to what was worse
        desk.prove_anew(duty, duty.settings, f"{previous[:SHORT]} was brought back by hand")
    seq = _switch(desk, "rolled_back", duty, previous, payload, request.actor, request.reason)
    why = f"rolled back: {request.reason}"
    _change(desk, duty, champion, role="previous", left=seq, why=why)
    row = _change(desk, duty, previous, role="champion", why=why)
    desk.set_roles(duty, champion=previous, previous=champion)
    return version_of(row, duty.name)


def refuse(desk: Desk, request: Refuse) -> Version:
    """The challenger did not pass the gate, or gives up its claim."""
    duty = request.duty
    _check_challenger(desk, duty, request.version)
    type, role = REFUSED if request.gate else WITHDRAWN
    row = _end(desk, duty, type, role, request.actor, request.reason)
    return version_of(row, duty.name)


REFUSED: tuple[str, Role] = ("refused", "refused")
WITHDRAWN: tuple[str, Role] = ("withdrawn", "retired")


def _end(desk: Desk, duty: Duty, type: str, role: Role, actor: str, reason: str) -> Row:
    version = duty.roles.challenger
    desk.log(type, duty.number, actor=actor, subject=version, payload={"reason": reason})
    row = _change(desk, duty, version, role=role, why=reason)
    desk.set_roles(duty, challenger="")
    return row


def _switch(
    desk: Desk,
    type: str,
    duty: Duty,
    version: str,
    payload: dict[str, Any],
    actor: str,
    reason: str,
) -> int:
    """Log that another version answers, and have the worker bring it in."""
    about = {"version": version, "before": duty.roles.champion, "reason": reason}
    payload = {**about, "epoch": duty.epoch, **payload}
    event = desk.log(type, duty.number, actor=actor, subject=version, payload=payload)
    desk.learn(duty, Lesson(event.seq, switch=payload))
    return event.seq


def _check_on_duty(desk: Desk, duty: Duty) -> None:
    if desk.duties.get(duty.name) is not duty:
        raise InputError(f"learner {duty.name!r} was deleted meanwhile")


def _check_challenger(desk: Desk, duty: Duty, version: str) -> None:
    _check_on_duty(desk, duty)
    if not version or duty.roles.challenger != version:
        raise InputError(
            f"{version[:SHORT] or 'no version'} does not challenge the champion of {duty.name!r}"
        )


def _row(desk: Desk, duty: Duty, version: str) -> Row:
    row = desk.book.find(VERSIONS, duty.number, version)
    assert row is not None
    return row


def _change(desk: Desk, duty: Duty, version: str, **values: Any) -> Row:
    _row(desk, duty, version)
    desk.book[VERSIONS].change((duty.number, version), **values)
    return _row(desk, duty, version)


def version_of(row: Row, learner: str) -> Version:
    """A version as people see it."""
    shown = {name: row[name] for name in Version.__slots__ if name != "learner"}
    return Version(learner=learner, **shown)
