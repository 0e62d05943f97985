"""Answers held for approval, one at a time: a keystroke approves, corrects or refuses.

Like the queue, the page keeps nothing on the server: what this tab decided and put aside travels
with its form.
"""

from __future__ import annotations

import secrets
from typing import Any

from fastapi import Request, Response
from starlette.datastructures import FormData

from quickstudy.api.decisions import Ask
from quickstudy.errors import InputError, QuickstudyError
from quickstudy.serve.dashboard.base.kinds import classifier
from quickstudy.serve.dashboard.base.records import label_code, label_text, read_label, same
from quickstudy.serve.dashboard.base.rendering import page_router, render
from quickstudy.serve.dashboard.base.session import Form, Known, Session, Store, field
from quickstudy.serve.dashboard.teaching.cases import explanation
from quickstudy.serve.dashboard.teaching.queue import (
    HELD_SHOWN,
    HOLD_SECONDS,
    TRAIL,
    choices,
    let_learn,
    own_case,
    trail_of,
)
from quickstudy.types import Label

router = page_router()
MOST_SKIPPED = 50
VERDICTS = {"yes": True, "no": False}


@router.get("/learners/{name}/approve")
def approve_page(request: Request, visitor: Known, store: Store, name: str) -> Response:
    """The page; it fetches its first answer at once, as this tab."""
    visitor.require("teach", name)
    info = classifier(store, name)
    counts = not info.settings.trusted or visitor.source in info.settings.trusted
    return render(request, "teaching/approvals.html", name=name, labels=info.labels, counts=counts)


@router.post("/learners/{name}/approve/next")
def next_answer(request: Request, visitor: Known, store: Store, form: Form, name: str) -> Response:
    """An answer for this tab: the one it has, else the oldest that nobody has before them."""
    visitor.require("teach", name)
    current = field(form, "id")
    wanted = current if current in {a.id for a in store.held(name, limit=HELD_SHOWN)} else ""
    return _sheet(request, visitor, store, form, name, trail=trail_of(form), wanted=wanted)


@router.post("/learners/{name}/approve/hold")
def hold(visitor: Known, store: Store, form: Form, name: str) -> Response:
    """Somebody is still reading: keep the answer for them."""
    visitor.require("teach", name)
    holder = visitor.holder(field(form, "tab"))
    store.claim(name, holder=holder, id=field(form, "id"), seconds=HOLD_SECONDS)
    return Response(status_code=204)


@router.post("/learners/{name}/approve/say")
def say(request: Request, visitor: Known, store: Store, form: Form, name: str) -> Response:
    """Yes, no, or what is right instead; and bring the next."""
    visitor.require("teach", name)
    case = own_case(store, name, field(form, "id"))
    given, label, said = _verdict(store, form, name, case)
    store.feedback(
        case, **given, key=field(form, "key") or None, source=visitor.source, actor=visitor.actor
    )
    let_learn(store, name)
    trail = [*(i for i in trail_of(form) if i != case), case][-TRAIL:]
    taught = {"id": case, "label": label_text(label), "code": label_code(label)}
    return _sheet(
        request, visitor, store, form, name,
        trail=trail, wanted=field(form, "aside"), said=said, events={"taught": taught},
    )  # fmt: skip


@router.post("/learners/{name}/approve/skip")
def skip(request: Request, visitor: Known, store: Store, form: Form, name: str) -> Response:
    """Leave it to others, or for later."""
    visitor.require("teach", name)
    case = field(form, "id")
    store.release(case, holder=visitor.holder(field(form, "tab")))
    return _sheet(
        request, visitor, store, form, name,
        trail=trail_of(form), wanted=field(form, "aside"), said="Skipped.", skipped=case,
    )  # fmt: skip


@router.post("/learners/{name}/approve/undo")
def undo(request: Request, visitor: Known, store: Store, form: Form, name: str) -> Response:
    """Open the last one again: what is said now replaces what was said then."""
    visitor.require("teach", name)
    trail, current = trail_of(form), field(form, "id")
    if not trail:
        return _sheet(
            request, visitor, store, form, name, trail=[], wanted=current, said="Nothing to undo."
        )
    last = own_case(store, name, trail.pop())
    return _sheet(
        request, visitor, store, form, name, trail=trail, wanted=last,
        aside=field(form, "aside") or current,
        said="Opened again: what you say now replaces it.",
    )  # fmt: skip


def _verdict(
    store: Store, form: FormData, name: str, case: str
) -> tuple[dict[str, Any], Label, str]:
    """What to say of the answer, the label that it speaks of, and how that reads."""
    verdict, answer = field(form, "verdict"), store.history(case).answer.label
    if verdict and (verdict not in VERDICTS or answer is None):
        raise InputError(f"verdict is {verdict[:20]!r}; it must be yes or no, to an answer")
    if verdict and answer is not None:
        correct = VERDICTS[verdict]
        said = f"{'Approved' if correct else 'Refused'}: {label_text(answer)}."
        return {"correct": correct}, answer, said
    label = read_label(field(form, "label"), field(form, "text"), classifier(store, name).labels)
    said = f"Corrected: {label_text(label)}, not {label_text(answer)}."
    return {"label": label}, label, said


def _sheet(
    request: Request,
    visitor: Session,
    store: Store,
    form: FormData,
    name: str,
    *,
    trail: list[str],
    wanted: str = "",
    aside: str = "",
    said: str = "",
    skipped: str = "",
    events: dict[str, Any] | None = None,
) -> Response:
    """The answer to show next, with all that the page needs to go on from it."""
    waiting = store.held(name, limit=HELD_SHOWN)
    behind = [i for i in field(form, "skipped").split(",") if i and i != skipped]
    behind = [*behind, skipped][-MOST_SKIPPED:] if skipped else behind
    ask = _claim(store, name, visitor.holder(field(form, "tab")), waiting, wanted, behind)
    if ask is not None and ask.id == skipped:
        said = "That is the only one left."
    case = store.history(ask.id) if ask else None
    found = choices(store, ask)
    report = store.report(name)
    return render(
        request, "teaching/parts/approvals.html", said=said, events=events, name=name, ask=ask, case=case,
        choices=[c for c in found if case is None or not same(c.label, case.answer.label)][:9],
        why=explanation(store, ask.id) if ask else None, held=len(waiting),
        waiting=report.waiting, trail=",".join(trail), aside=aside, skipped=",".join(behind),
        key=secrets.token_urlsafe(12),
    )  # fmt: skip


def _claim(
    store: Store, name: str, holder: str, waiting: list[Ask], wanted: str, behind: list[str]
) -> Ask | None:
    """Take the answer that is wanted, else the oldest one free, those skipped here last."""
    late = {id: place for place, id in enumerate(behind)}
    order = sorted((a.id for a in waiting), key=lambda id: late.get(id, -1))
    for id in (wanted, *order) if wanted else order:
        try:
            ask = store.claim(name, holder=holder, id=id, seconds=HOLD_SECONDS)
        except QuickstudyError:  # it was decided or forgotten meanwhile: there are others
            continue
        if ask is not None:
            return ask
    return None
