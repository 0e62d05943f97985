"""The queue: one case at a time, claimed for one tab of one browser, a keystroke a label.

The page keeps nothing on the server: which cases this tab labelled (its trail, for undo) and which
one it put aside travel with the form, so a restart of the server loses nothing.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from starlette.datastructures import FormData

from quickstudy.api.decisions import Ask
from quickstudy.errors import NotFoundError, QuickstudyError
from quickstudy.serve.dashboard.base import words
from quickstudy.serve.dashboard.base.kinds import classifier
from quickstudy.serve.dashboard.base.records import label_code, label_text, read_label
from quickstudy.serve.dashboard.base.rendering import page_router, render
from quickstudy.serve.dashboard.base.session import Form, Known, Session, Store, field
from quickstudy.serve.dashboard.teaching.cases import explanation
from quickstudy.types import Label, label_key

router = page_router()
KEYS, LIKELY = 9, 5  # labels that have a key of their own, and those for being probable
TRAIL = 30  # cases that can be undone
HOLD_SECONDS = 120.0
PATIENCE = 0.3  # seconds
HELD_SHOWN = 99  # a larger number that waits for a yes tells nobody more


@dataclass(frozen=True, slots=True)
class Choice:
    """A label to choose: how probable it is, and a remembered case that speaks for it."""

    label: Label
    probability: float | None
    example: Any


@router.get("/learners/{name}/queue")
def queue_page(request: Request, visitor: Known, store: Store, name: str) -> Response:
    """The page; it fetches its first case at once, as this tab."""
    visitor.require("teach", name)
    info = classifier(store, name)
    counts = not info.settings.trusted or visitor.source in info.settings.trusted
    return render(request, "teaching/queue.html", name=name, labels=info.labels, counts=counts)


@router.post("/learners/{name}/queue/next")
def next_case(request: Request, visitor: Known, store: Store, form: Form, name: str) -> Response:
    """A case for this tab: the one it holds, else the most useful one that nobody holds."""
    visitor.require("teach", name)
    held = still_waiting(store, form)
    return _desk(request, visitor, store, form, name, trail=trail_of(form), held=held)


@router.post("/learners/{name}/queue/hold")
def hold(visitor: Known, store: Store, form: Form, name: str) -> Response:
    """Somebody is still reading: keep the case for them."""
    visitor.require("teach", name)
    holder = visitor.holder(field(form, "tab"))
    store.claim(name, holder=holder, id=field(form, "id"), seconds=HOLD_SECONDS)
    return Response(status_code=204)


@router.post("/learners/{name}/queue/label")
def label_case(request: Request, visitor: Known, store: Store, form: Form, name: str) -> Response:
    """Teach a label, and bring the next case."""
    visitor.require("teach", name)
    case = own_case(store, name, field(form, "id"))
    label = read_label(field(form, "label"), field(form, "text"), classifier(store, name).labels)
    receipt = store.feedback(
        case,
        label=label,
        key=field(form, "key") or None,
        source=visitor.source,
        actor=visitor.actor,
    )
    trail = [*(i for i in trail_of(form) if i != case), case][-TRAIL:]
    status: str = receipt.status
    let_learn(store, name)
    if store.history(case).status == "waiting":  # a check that this source's word does not settle
        store.release(case, holder=visitor.holder(field(form, "tab")))
        status = "untrusted"
    said = words.receipt(status, label)
    taught = {"id": case, "label": label_text(label), "code": label_code(label)}
    return _desk(
        request, visitor, store, form, name,
        trail=trail, held=field(form, "aside"), said=said, events={"taught": taught},
    )  # fmt: skip


@router.post("/learners/{name}/queue/skip")
def skip_case(request: Request, visitor: Known, store: Store, form: Form, name: str) -> Response:
    """Leave it to others, or for later."""
    visitor.require("teach", name)
    case = field(form, "id")
    store.release(case, holder=visitor.holder(field(form, "tab")))
    return _desk(
        request, visitor, store, form, name,
        trail=trail_of(form), held=field(form, "aside"), said="Skipped.", skipped=case,
    )  # fmt: skip


@router.post("/learners/{name}/queue/undo")
def undo(request: Request, visitor: Known, store: Store, form: Form, name: str) -> Response:
    """Open the last case again: what is said now replaces what was said then."""
    visitor.require("teach", name)
    trail, current = trail_of(form), field(form, "id")
    if not trail:
        return _desk(
            request, visitor, store, form, name, trail=[], held=current, said="Nothing to undo."
        )
    last = own_case(store, name, trail.pop())
    aside = field(form, "aside") or current
    return _desk(
        request, visitor, store, form, name,
        trail=trail, held=last, aside=aside, said="Opened again: what you say now replaces it.",
    )  # fmt: skip


def _desk(
    request: Request,
    visitor: Session,
    store: Store,
    form: FormData,
    name: str,
    *,
    trail: Sequence[str],
    held: str = "",
    aside: str = "",
    said: str = "",
    skipped: str = "",
    events: dict[str, Any] | None = None,
) -> Response:
    """The case to show next, with all that the page needs to go on from it."""
    ask = _claim(store, name, visitor.holder(field(form, "tab")), held)
    if ask is not None and ask.id == skipped:
        said = "That is the only case left."
    report = store.report(name)
    found: dict[str, Any] = {
        "ask": ask,
        "choices": choices(store, ask),
        "before": _label_before(store, ask),
        "waiting": report.waiting,
        "contested": report.contested,
        "held": len(store.held(name, limit=HELD_SHOWN)),
        "trail": ",".join(trail),
        "aside": aside,
        "key": secrets.token_urlsafe(12),
    }
    return render(request, "teaching/parts/queue.html", said=said, events=events, name=name, **found)


def _claim(store: Store, name: str, holder: str, held: str) -> Ask | None:
    if held:
        try:
            ask = store.claim(name, holder=holder, id=held, seconds=HOLD_SECONDS)
        except QuickstudyError:  # it was closed or forgotten meanwhile: there are others
            ask = None
        if ask is not None:
            return ask
    return store.claim(name, holder=holder, seconds=HOLD_SECONDS)


def let_learn(store: Store, name: str) -> None:
    """Give it a moment to learn, so that the next case shows what it makes of the last."""
    ends = time.monotonic() + PATIENCE
    while store.lag(name) and time.monotonic() < ends:
        time.sleep(0.01)


def still_waiting(store: Store, form: FormData) -> str:
    """The case that this tab had before it was loaded again, if it still waits."""
    held = field(form, "id")
    try:
        return held if held and store.history(held).status == "waiting" else ""
    except QuickstudyError:
        return ""


def choices(store: Store, ask: Ask | None) -> list[Choice]:
    """The likeliest labels now, those of remembered cases like it, and, where few, all known."""
    if ask is None:
        return []
    why = explanation(store, ask.id)
    now = why.prediction.probabilities if why else {}
    others = [n for n in why.neighbours if n.record != ask.record] if why else []
    near = {label_key(n.label): n.record for n in reversed(others)}
    known = classifier(store, ask.learner).labels
    likely = sorted(now, key=lambda y: -now[y])[:LIKELY]
    alike = [n.label for n in others]
    rest = known if len(known) <= KEYS else ()
    order = {label_key(y): y for y in (*likely, *alike, *rest)}
    return [
        Choice(y, now.get(y), near.get(key) or _example(store, ask, y))
        for key, y in list(order.items())[:KEYS]
    ]


def _example(store: Store, ask: Ask, label: Label) -> Any:
    """The latest case that was called so."""
    found = store.cases(ask.learner, label=label, status="labelled", limit=2)
    return next((c.record for c in found if c.id != ask.id), None)


def _label_before(store: Store, ask: Ask | None) -> Label | None:
    return None if ask is None else store.history(ask.id).label


def own_case(store: Store, name: str, case: str) -> str:
    """The id, if this learner has such a case."""
    if store.history(case).learner != name:
        raise NotFoundError(f"{name!r} has no case {case!r}")
    return case


def trail_of(form: FormData) -> list[str]:
    """The cases that this tab decided, the latest last."""
    return [i for i in field(form, "trail").split(",") if i][-TRAIL:]
