"""Cases: search, one with its explanation and history, correction, the end of a dispute."""

from __future__ import annotations

import secrets
from typing import Any

from fastapi import Request, Response

from quickstudy.api.versions import Bound
from quickstudy.errors import InputError, NotFoundError
from quickstudy.serve.dashboard.base import words
from quickstudy.serve.dashboard.base.forms import Form, field
from quickstudy.serve.dashboard.base.kinds import classifier
from quickstudy.serve.dashboard.base.records import label_text, read_label
from quickstudy.serve.dashboard.base.rendering import is_partial, page_router, render
from quickstudy.serve.dashboard.base.session import Known, Session, Store
from quickstudy.serve.dashboard.teaching.explanation import explanation
from quickstudy.serve.http.paths import PART
from quickstudy.types import label_key

router = page_router()
PAGE = 40  # cases


@router.get("/learners/{name}/cases")
def cases_page(
    request: Request,
    visitor: Known,
    store: Store,
    name: str,
    text: str = "",
    decision: str = "",
    status: str = "",
    label: str = "",
    before: str = "",
) -> Response:
    """The newest cases that fit, or, as a part, those older than `before`."""
    visitor.require("teach", name)
    info = classifier(store, name)
    asked = {"text": text, "decision": decision, "status": status, "label": label}
    found = store.cases(
        name,
        text=text.strip(),
        decision=decision if decision in words.DECISIONS else None,
        status=status if status in words.STATUSES else None,
        label=read_label("", label, info.labels) if label.strip() else None,
        before=_number(before),
        limit=PAGE + 1,
    )
    shown, more = found[:PAGE], len(found) > PAGE
    context: dict[str, Any] = {"name": name, "cases": shown, "asked": asked, "more": more}
    if is_partial(request):
        template = "teaching/parts/older.html" if before else "teaching/parts/found.html"
        return render(request, template, **context)
    context["contested"] = store.report(name).contested
    context["labels"] = sorted(info.labels, key=label_text)
    return render(request, "teaching/cases.html", **context)


@router.get(f"/predictions/{{id:{PART}}}")
def case_page(request: Request, visitor: Known, store: Store, id: str) -> Response:
    """One case, and why it got its answer."""
    return render(request, "teaching/case.html", **_case(visitor, store, id))


@router.post(f"/predictions/{{id:{PART}}}/label")
def correct(request: Request, visitor: Known, store: Store, form: Form, id: str) -> Response:
    """Give the label, or say that the answer was right or wrong."""
    case = _reachable(visitor, store, id)
    given: dict[str, Any] = {}
    verdict = field(form, "correct")
    if verdict in ("yes", "no"):
        given["correct"] = verdict == "yes"
        label = case.answer.label if verdict == "yes" else None
    else:
        known = classifier(store, case.learner).labels
        given["label"] = label = read_label(field(form, "label"), field(form, "text"), known)
    receipt = store.feedback(
        id, **given, source=visitor.source, key=field(form, "key") or None,
        wait_learned=True, actor=visitor.actor,
    )  # fmt: skip
    said = words.receipt(receipt.status, label) if label is not None else "Noted: this is wrong."
    return render(request, "teaching/parts/case.html", said=said, **_case(visitor, store, id))


@router.post(f"/predictions/{{id:{PART}}}/pin")
def pin(request: Request, visitor: Known, store: Store, form: Form, id: str) -> Response:
    """Pin it to the exam, with the right label."""
    case = _reachable(visitor, store, id)
    visitor.require("manage", case.learner)
    label = read_label(
        field(form, "label"), field(form, "text"), classifier(store, case.learner).labels
    )
    bound: Bound = "should" if field(form, "bound") == "should" else "must"
    store.pin(
        case.learner, prediction_id=id, label=label, bound=bound,
        source=visitor.source, actor=visitor.actor,
    )  # fmt: skip
    said = f"Pinned: {label_text(label)}. Every version has to give this answer."
    return render(request, "teaching/parts/case.html", said=said, **_case(visitor, store, id))


@router.post(f"/predictions/{{id:{PART}}}/ruling")
def ruling(request: Request, visitor: Known, store: Store, form: Form, id: str) -> Response:
    """End a dispute."""
    case = _reachable(visitor, store, id)
    if case.status != "contested":
        raise InputError("nobody disagrees on this case any more: reload the page")
    known = classifier(store, case.learner).labels
    label = read_label(field(form, "label"), field(form, "text"), known)
    store.rule(id, label, source=visitor.source, actor=visitor.actor)
    said = "Settled, and learned."
    return render(request, "teaching/parts/case.html", said=said, **_case(visitor, store, id))


def _reachable(visitor: Session, store: Store, id: str) -> Any:
    """The case, if this visitor may see it; else it does not exist."""
    case = store.history(id)
    if not visitor.may("teach", case.learner):
        raise NotFoundError(f"there is no prediction {id!r}")
    return case


def _case(visitor: Session, store: Store, id: str) -> dict[str, Any]:
    case = _reachable(visitor, store, id)
    said = _said(case)
    return {
        "case": case,
        "name": case.learner,
        "why": explanation(store, id),
        "may_manage": visitor.may("manage", case.learner),
        "labels": classifier(store, case.learner).labels,
        "key": secrets.token_urlsafe(12),
        "said_so_far": said,
        "disputed": {label_key(label): label for label, _ in said}.values(),
    }


def _said(case: Any) -> list[tuple[Any, str]]:
    """(label, source) of every label that people gave a case, oldest first."""
    words_said = [e.payload for e in case.events if e.type == "feedback" and e.payload]
    return [
        (p["label"], p.get("source", ""))
        for p in words_said
        if p.get("label") is not None and p.get("learn") != "not"
    ]


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else None
