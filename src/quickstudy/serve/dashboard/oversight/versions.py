"""Versions: which one answered when, the state of the challenger, and the switch between them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from quickstudy.api.versions import Diff, GateReport, Version
from quickstudy.errors import InputError, QuickstudyError, StoreError
from quickstudy.serve.dashboard.base.forms import Form, check_token, field, fields, share, whole
from quickstudy.serve.dashboard.base.kinds import classifier
from quickstudy.serve.dashboard.base.rendering import (
    go,
    home,
    is_partial,
    page_router,
    render,
    settle,
)
from quickstudy.serve.dashboard.base.session import Known, Session, Store
from quickstudy.serve.http.body import read_model
from quickstudy.serve.http.paths import routes_of

router = page_router()
DIFFERENCES = 50


@router.get("/learners/{name}/versions")
def versions_page(
    request: Request, visitor: Known, store: Store, name: str, before: str = "", after: str = ""
) -> Response:
    """All versions, or, as a part, how two of them differ."""
    visitor.require("teach", name)
    if is_partial(request):
        return render(
            request, "oversight/parts/diff.html", name=name, diff=_diff(store, name, before, after)
        )
    return _page(request, visitor, store, name)


@router.get("/learners/{name}/versions/standing")
def standing(
    request: Request, visitor: Known, store: Store, name: str, version: str = "", mark: str = ""
) -> Response:
    """The state of the challenger: 204 if nothing is new, a reload if it is another challenger."""
    visitor.require("teach", name)
    gate, away = _gate(store, name)
    if away:
        return Response(status_code=204)
    if gate is None or f"{gate.purpose} {gate.version}" != version:
        return Response(status_code=200, headers={"HX-Refresh": "true"})
    if mark_of(gate) == mark:
        return Response(status_code=204)
    return render(
        request, "oversight/parts/standing.html", name=name, gate=gate, mark=mark_of(gate)
    )


@router.post("/learners/{name}/versions/challenge")
def challenge(request: Request, visitor: Known, store: Store, form: Form, name: str) -> Response:
    """Put a consolidation of the champion in shadow."""
    visitor.require("manage", name)

    def act() -> None:
        if field(form, "origin") == "file":
            raise InputError("choose a model file first")
        store.challenge(name, reason=field(form, "reason").strip(), actor=visitor.source)

    return _do(request, visitor, store, name, act, done="challenged", form=form)


@router.post("/learners/{name}/versions/model")
async def challenge_by_file(
    request: Request, visitor: Known, store: Store, name: str, reason: str = ""
) -> Response:
    """Put a model file in shadow: it is the body, as it is larger than any form."""
    visitor.require("manage", name)
    check_token(request, request.headers.get("x-csrf", ""))
    model = await read_model(request)

    def act() -> None:
        store.challenge(name, model=model, reason=reason.strip(), actor=visitor.source)

    await run_in_threadpool(act)
    return go(request, f"{home(name)}/versions?done=challenged")


UPLOADS = routes_of(router, challenge_by_file)


@router.post("/learners/{name}/versions/withdraw")
def withdraw(request: Request, visitor: Known, store: Store, form: Form, name: str) -> Response:
    """Withdraw the challenger."""
    visitor.require("manage", name)

    def act() -> None:
        store.withdraw(name, reason=field(form, "reason").strip(), actor=visitor.source)

    return _do(request, visitor, store, name, act, done="withdrawn", form=form)


@router.post("/learners/{name}/versions/promote")
def promote(request: Request, visitor: Known, store: Store, form: Form, name: str) -> Response:
    """Let the challenger answer; to override a condition needs a reason."""
    visitor.require("manage", name)
    override, reason = fields(form, "override"), field(form, "reason").strip()

    def act() -> None:
        if override and not reason:
            raise InputError("say why it is to be promoted although a condition does not hold")
        store.promote(name, override=override, reason=reason, actor=visitor.source)

    return _do(request, visitor, store, name, act, done="promoted", form=form)


@router.post("/learners/{name}/versions/rollback")
def rollback(request: Request, visitor: Known, store: Store, form: Form, name: str) -> Response:
    """Let the version before answer again."""
    visitor.require("manage", name)

    def act() -> None:
        reason = field(form, "reason").strip()
        if not reason:
            raise InputError("say why it is to be rolled back")
        store.rollback(name, reason=reason, actor=visitor.source)

    return _do(request, visitor, store, name, act, done="rolled_back", form=form)


@router.post("/learners/{name}/versions/rules")
def rules(request: Request, visitor: Known, store: Store, form: Form, name: str) -> Response:
    """Change the conditions for a challenger."""
    visitor.require("manage", name)

    def act() -> None:
        probation = whole(form, "probation", "a whole number of cases")
        store.change(
            name, margin=share(form, "margin"), environment=field(form, "environment").strip(),
            probation=probation, consolidate=field(form, "consolidate") == "yes",
            actor=visitor.actor,
        )  # fmt: skip

    return _do(request, visitor, store, name, act, done="kept", form=form)


def mark_of(gate: GateReport) -> str:
    """Changes whenever there is something new to show."""
    held = "".join(str(int(c.holds)) for c in gate.conditions)
    return f"{gate.cases}.{gate.labelled}.{gate.behind}.{held}"


def _do(
    request: Request,
    visitor: Session,
    store: Store,
    name: str,
    act: Callable[[], None],
    *,
    done: str,
    form: Any,
) -> Response:
    """Act, then show the result, or the page with the reason why it was refused."""

    def act_and_go() -> str:
        act()
        return f"{home(name)}/versions?done={done}"

    page = partial(
        _page, request, visitor, store, name,
        wanted=done, reason=field(form, "reason"), override=fields(form, "override"),
    )  # fmt: skip
    return settle(request, act_and_go, page)


def _page(
    request: Request,
    visitor: Session,
    store: Store,
    name: str,
    *,
    status: int = 200,
    problem: str = "",
    wanted: str = "",
    reason: str = "",
    override: list[str] | None = None,
) -> Response:
    versions, (gate, away) = store.versions(name), _gate(store, name)
    asked = request.query_params
    before, after = asked.get("before", ""), asked.get("after", "")
    by_role = {v.role: v for v in reversed(versions)}
    given = {"problem": problem, "wanted": wanted, "reason": reason, "override": override or []}
    return render(
        request,
        "oversight/versions.html",
        status=status,
        name=name,
        versions=versions,
        gate=gate,
        away=away,
        mark=mark_of(gate) if gate else "",
        champion=by_role.get("champion"),
        challenger=by_role.get("challenger"),
        previous=by_role.get("previous"),
        given=given,
        done=asked.get("done", ""),
        may=visitor.may("manage", name),
        before=before,
        after=after,
        diff=_diff(store, name, before, after) if before and after else None,
        at=asked.get("at", ""),
        answered=_answered(store, name, asked.get("at", "")),
        settings=classifier(store, name).settings,
        most=request.app.state.settings.max_model,
    )


def _gate(store: Store, name: str) -> tuple[GateReport | None, str]:
    """The state of the challenger, or why it is not known just now."""
    try:
        return store.gate(name), ""
    except StoreError as error:
        return None, str(error)


def _answered(store: Store, name: str, at: str) -> Version | str:
    """The version that answered at a time (ISO 8601, UTC), or why none did."""
    if not at:
        return ""
    try:
        moment = datetime.fromisoformat(at)
        seconds = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError):
        return f"{at[:40]!r} is no time"
    try:
        return store.version_at(name, seconds)
    except QuickstudyError as error:
        return str(error)


def _diff(store: Store, name: str, before: str, after: str) -> Diff:
    return store.diff(name, before, after, limit=DIFFERENCES)
