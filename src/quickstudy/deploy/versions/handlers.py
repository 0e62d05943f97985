"""Decides which version is champion, and which is challenger."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from quickstudy.api.versions import Version
from quickstudy.deploy.core.context import Context
from quickstudy.deploy.core.contract import Decided, Draft
from quickstudy.deploy.core.tables import VERSIONS, Row
from quickstudy.deploy.hosting.learner import HostedLearner
from quickstudy.deploy.hosting.transaction import HostedLearners
from quickstudy.deploy.versions import exam_queries
from quickstudy.deploy.versions.commands import Challenge, Promote, Refuse, Rollback
from quickstudy.deploy.versions.projection import SHORT
from quickstudy.deploy.versions.registry import version_of
from quickstudy.errors import InputError


def challenge(context: Context, command: Challenge) -> Decided[Version]:
    """Put a version into shadow as the challenger.
    Raises:
        InputError: there is a challenger already, or the version was one before.
    """
    hosted, spec = command.hosted, command.made
    context.of(HostedLearners).check_hosted(hosted)
    if rival := hosted.roles.challenger:
        raise InputError(f"{rival[:SHORT]} challenges already: withdraw it first, or wait for it")
    if context.rows.find(VERSIONS, hosted.number, spec.id):
        raise InputError(f"version {spec.id[:SHORT]} is known: it was in shadow before")
    about = asdict(spec) | {"seed": hosted.settings.seed}
    number, actor = hosted.number, command.actor
    yield Draft("consolidated", number, actor=actor, subject=spec.id, payload=about)
    why = {"reason": command.reason}
    yield Draft("challenged", number, actor=actor, subject=spec.id, payload=why)
    return version_of(_row(context, hosted, spec.id), hosted.name)


def promote(context: Context, command: Promote) -> Decided[Version]:
    """Make the challenger the champion.

    Raises:
        InputError: it is no longer the challenger, or the exam was changed meanwhile.
    """
    hosted, version = command.hosted, command.version
    _check_challenger(context, hosted, version)
    if command.exam not in (None, exam_queries.revision_of(context.rows, hosted.number)):
        raise InputError("the exam was changed meanwhile: try again")
    row = _row(context, hosted, version)
    reset = ""  # a version that learned from the same log keeps the evidence
    if command.override:
        reset = f"{version[:SHORT]} did not pass the gate"
    elif row["kind"] == "imported":
        reset = f"{version[:SHORT]} was made elsewhere"
    more = {
        "base": "version",
        "at": row["asof"],
        "conditions": [asdict(condition) for condition in command.conditions],
        "override": list(command.override),
        "better": command.better,
    }
    yield _switch("promoted", hosted, version, command, reset=reset, more=more)
    return version_of(_row(context, hosted, version), hosted.name)


def rollback(context: Context, command: Rollback) -> Decided[Version]:
    """Make the previous version the champion again; it has learned all labels since.

    Raises:
        InputError: there is no previous version.
    """
    hosted = command.hosted
    context.of(HostedLearners).check_hosted(hosted)
    previous = hosted.roles.previous
    if not previous or command.version not in ("", previous):
        raise InputError(f"learner {hosted.name!r} has no previous version to go back to")
    if hosted.roles.challenger:  # it was compared with the champion that leaves now
        why = "the champion was rolled back"
        yield _end("withdrawn", hosted, command.actor, why)
    # the gate has evidence; people may also go back to a worse version
    reset = "" if command.by_gate else f"{previous[:SHORT]} was brought back by hand"
    more = {"base": "leaving", "at": _row(context, hosted, previous)["left"]}
    yield _switch("rolled_back", hosted, previous, command, reset=reset, more=more)
    return version_of(_row(context, hosted, previous), hosted.name)


def refuse(context: Context, command: Refuse) -> Decided[Version]:
    """Take the challenger out of shadow: it failed the gate, or is withdrawn.

    Raises:
        InputError: it is no longer the challenger.
    """
    hosted = command.hosted
    _check_challenger(context, hosted, command.version)
    type = "refused" if command.gate else "withdrawn"
    yield _end(type, hosted, command.actor, command.reason)
    return version_of(_row(context, hosted, command.version), hosted.name)


def _end(type: str, hosted: HostedLearner, actor: str, reason: str) -> Draft:
    version, payload = hosted.roles.challenger, {"reason": reason}
    return Draft(type, hosted.number, actor=actor, subject=version, payload=payload)


def _switch(
    type: str,
    hosted: HostedLearner,
    version: str,
    command: Promote | Rollback,
    *,
    reset: str,
    more: dict[str, Any],
) -> Draft:
    """The event that another version answers; the trainer replaces the learner."""
    payload = {
        "version": version,
        "before": hosted.roles.champion,
        "reason": command.reason,
        "epoch": hosted.epoch + bool(reset),
        **({"reset": reset} if reset else {}),
        **more,
    }
    return Draft(type, hosted.number, actor=command.actor, subject=version, payload=payload)


def _check_challenger(context: Context, hosted: HostedLearner, version: str) -> None:
    context.of(HostedLearners).check_hosted(hosted)
    if not version or hosted.roles.challenger != version:
        raise InputError(
            f"{version[:SHORT] or 'no version'} does not challenge the champion of {hosted.name!r}"
        )


def _row(context: Context, hosted: HostedLearner, version: str) -> Row:
    row = context.rows.find(VERSIONS, hosted.number, version)
    assert row is not None
    return row
