"""Versions at the desk: who answers, who wants to, and who did."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from quickstudy.api.versions import Role, Version
from quickstudy.deploy.core.tables import VERSIONS, Row
from quickstudy.deploy.decisions.commands import Challenge, Promote, Refuse, Rollback, VersionSpec
from quickstudy.deploy.hosting.learner import HostedLearner
from quickstudy.deploy.hosting.updates import Update
from quickstudy.deploy.versions import exam
from quickstudy.errors import InputError

if TYPE_CHECKING:
    from quickstudy.deploy.core.context import Context

SHORT = 12  # characters of an id in messages


def first_version(
    context: Context, number: int, made: VersionSpec, *, seq: int, actor: str
) -> None:
    """Put on record what a learner starts with."""
    why = "the learner was created"
    _new_row(context, number, made, role="champion", seq=seq, actor=actor, why=why)


def _new_row(
    context: Context,
    number: int,
    made: VersionSpec,
    *,
    role: Role,
    seq: int,
    actor: str,
    why: str,
    **more: Any,
) -> Row:
    row = {
        "learner": number,
        **asdict(made),
        "simpler": int(made.simpler),
        "role": role,
        "seq": seq,
        "time": context.transaction.time,
        "actor": actor,
        "why": why,
        "challenged": 0,
        "left": 0,
        "anchor": "",
        **more,
    }
    context.rows.put(VERSIONS, row)
    return row


def challenge(context: Context, request: Challenge) -> Version:
    """A version wants to answer: from now on it is in shadow."""
    hosted, made = request.hosted, request.made
    _check_hosted(context, hosted)
    if rival := hosted.roles.challenger:
        raise InputError(f"{rival[:SHORT]} challenges already: withdraw it first, or wait for it")
    if context.rows.find(VERSIONS, hosted.number, made.id):
        raise InputError(f"version {made.id[:SHORT]} is known: it was in shadow before")
    about = asdict(made) | {"seed": hosted.settings.seed}
    who = {"actor": request.actor, "subject": made.id}
    event = context.log("consolidated", hosted.number, **who, payload=about)
    why = {"reason": request.reason}
    challenged = context.log("challenged", hosted.number, **who, payload=why)
    row = _new_row(
        context,
        hosted.number,
        made,
        role="challenger",
        seq=event.seq,
        actor=request.actor,
        why=request.reason,
        challenged=challenged.seq,
    )
    context.set_roles(hosted, challenger=made.id)
    return version_of(row, hosted.name)


def promote(context: Context, request: Promote) -> Version:
    """The challenger answers from now on."""
    hosted, version = request.hosted, request.version
    _check_challenger(context, hosted, version)
    champion = hosted.roles.champion
    payload = {
        "base": "version",
        "at": _row(context, hosted, version)["asof"],
        "conditions": [asdict(condition) for condition in request.conditions],
        "override": list(request.override),
        "better": request.better,
    }
    if request.exam not in (None, exam.mark(context.transaction.connection, hosted.number)):
        raise InputError("the exam was changed meanwhile: try again")
    # what the champion may do alone was proved of its own answers, not of those of a stranger
    if request.override:
        context.reset_evidence(hosted, hosted.settings, f"{version[:SHORT]} did not pass the gate")
    elif _row(context, hosted, version)["kind"] == "imported":
        context.reset_evidence(hosted, hosted.settings, f"{version[:SHORT]} was made elsewhere")
    seq = _switch(context, "promoted", hosted, version, payload, request.actor, request.reason)
    if hosted.roles.previous:
        _change(context, hosted, hosted.roles.previous, role="retired")
    why = f"{version[:SHORT]} was promoted: {request.reason}"
    gone = _change(context, hosted, champion, role="previous", left=seq, why=why)
    anchor = "" if request.better else gone["anchor"] or champion
    row = _change(context, hosted, version, role="champion", why=request.reason, anchor=anchor)
    context.set_roles(hosted, champion=version, challenger="", previous=champion)
    return version_of(row, hosted.name)


def rollback(context: Context, request: Rollback) -> Version:
    """The version that answered before answers again, with all that was taught since."""
    hosted = request.hosted
    _check_hosted(context, hosted)
    previous, champion = hosted.roles.previous, hosted.roles.champion
    if not previous or request.version not in ("", previous):
        raise InputError(f"learner {hosted.name!r} has no previous version to go back to")
    if hosted.roles.challenger:  # it was measured against the one that leaves now
        _end(context, hosted, "withdrawn", "retired", request.actor, "the champion was rolled back")
    payload = {"base": "leaving", "at": _row(context, hosted, previous)["left"]}
    if not request.by_gate:  # it has evidence; people may also go back to what was worse
        context.reset_evidence(
            hosted, hosted.settings, f"{previous[:SHORT]} was brought back by hand"
        )
    seq = _switch(context, "rolled_back", hosted, previous, payload, request.actor, request.reason)
    why = f"rolled back: {request.reason}"
    _change(context, hosted, champion, role="previous", left=seq, why=why)
    row = _change(context, hosted, previous, role="champion", why=why)
    context.set_roles(hosted, champion=previous, previous=champion)
    return version_of(row, hosted.name)


def refuse(context: Context, request: Refuse) -> Version:
    """The challenger did not pass the gate, or gives up its claim."""
    hosted = request.hosted
    _check_challenger(context, hosted, request.version)
    type, role = REFUSED if request.gate else WITHDRAWN
    row = _end(context, hosted, type, role, request.actor, request.reason)
    return version_of(row, hosted.name)


REFUSED: tuple[str, Role] = ("refused", "refused")
WITHDRAWN: tuple[str, Role] = ("withdrawn", "retired")


def _end(
    context: Context, hosted: HostedLearner, type: str, role: Role, actor: str, reason: str
) -> Row:
    version = hosted.roles.challenger
    context.log(type, hosted.number, actor=actor, subject=version, payload={"reason": reason})
    row = _change(context, hosted, version, role=role, why=reason)
    context.set_roles(hosted, challenger="")
    return row


def _switch(
    context: Context,
    type: str,
    hosted: HostedLearner,
    version: str,
    payload: dict[str, Any],
    actor: str,
    reason: str,
) -> int:
    """Log that another version answers, and have the worker bring it in."""
    about = {"version": version, "before": hosted.roles.champion, "reason": reason}
    payload = {**about, "epoch": hosted.epoch, **payload}
    event = context.log(type, hosted.number, actor=actor, subject=version, payload=payload)
    context.learn(hosted, Update(event.seq, switch=payload))
    return event.seq


def _check_hosted(context: Context, hosted: HostedLearner) -> None:
    if context.hosted_learners.get(hosted.name) is not hosted:
        raise InputError(f"learner {hosted.name!r} was deleted meanwhile")


def _check_challenger(context: Context, hosted: HostedLearner, version: str) -> None:
    _check_hosted(context, hosted)
    if not version or hosted.roles.challenger != version:
        raise InputError(
            f"{version[:SHORT] or 'no version'} does not challenge the champion of {hosted.name!r}"
        )


def _row(context: Context, hosted: HostedLearner, version: str) -> Row:
    row = context.rows.find(VERSIONS, hosted.number, version)
    assert row is not None
    return row


def _change(context: Context, hosted: HostedLearner, version: str, **values: Any) -> Row:
    _row(context, hosted, version)
    context.rows[VERSIONS].change((hosted.number, version), **values)
    return _row(context, hosted, version)


def version_of(row: Row, learner: str) -> Version:
    """A version as people see it."""
    shown = {name: row[name] for name in Version.__slots__ if name != "learner"}
    return Version(learner=learner, **shown)
