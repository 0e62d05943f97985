"""Try it: type or paste a case, see the answer and why, teach it, see what changed."""

from __future__ import annotations

import json
import secrets
from typing import Any

from fastapi import Request, Response

from quickstudy.serve.dashboard.base import words
from quickstudy.serve.dashboard.base.forms import Form, field
from quickstudy.serve.dashboard.base.kinds import classifier
from quickstudy.serve.dashboard.base.records import read_label, read_record
from quickstudy.serve.dashboard.base.rendering import page_router, render
from quickstudy.serve.dashboard.base.session import Known, Store
from quickstudy.serve.dashboard.teaching.explanation import explanation
from quickstudy.serve.http.paths import PART
from quickstudy.types import Explanation, Label, label_key

router = page_router()
EXAMPLES = 3
COMPARED = 6  # labels whose probability is shown before and after


@router.get("/learners/{name}/try")
def try_it_page(request: Request, visitor: Known, store: Store, name: str) -> Response:
    """An empty form, with the latest cases to start from."""
    visitor.require("teach", name)
    latest = store.cases(name, limit=EXAMPLES)
    labels = classifier(store, name).labels
    return render(request, "teaching/try_it.html", name=name, latest=latest, labels=labels)


@router.post("/learners/{name}/try")
def answer(request: Request, visitor: Known, store: Store, form: Form, name: str) -> Response:
    """A real prediction, with an id, and why."""
    visitor.require("teach", name)
    made = store.predict(name, read_record(field(form, "record")), actor=visitor.actor)
    return render(
        request, "teaching/parts/answer.html", said="Answered.", name=name, answer=made,
        why=explanation(store, made.id), key=secrets.token_urlsafe(12),
    )  # fmt: skip


@router.post(f"/learners/{{name}}/try/{{id:{PART}}}")
def teach(
    request: Request, visitor: Known, store: Store, form: Form, name: str, id: str
) -> Response:
    """Teach it, and show what it would answer now."""
    case = store.history(id)
    visitor.require("teach", case.learner)
    before = _shares(explanation(store, id))
    label = read_label(
        field(form, "label"), field(form, "text"), classifier(store, case.learner).labels
    )
    receipt = store.feedback(
        id, label=label, source=visitor.source, key=field(form, "key") or None,
        wait_learned=True, actor=visitor.actor,
    )  # fmt: skip
    why = explanation(store, id)
    changed = _changes(before, _shares(why), label)
    said = words.receipt(receipt.status, label)
    return render(
        request,
        "teaching/parts/learned.html",
        said=said,
        name=case.learner,
        case=case,
        label=label,
        message=said,
        changes=changed,
        why=why,
        key=secrets.token_urlsafe(12),
    )


def _shares(why: Explanation | None) -> dict[str, tuple[Label, float]]:
    """Code of a label -> (label, probability)."""
    if why is None:
        return {}
    items = why.prediction.probabilities.items()
    return {json.dumps(label_key(y)): (y, p) for y, p in items}


def _changes(
    before: dict[str, tuple[Label, float]], after: dict[str, tuple[Label, float]], taught: Label
) -> list[dict[str, Any]]:
    """The likeliest labels with their probability before and after, the taught one first."""
    mine = json.dumps(label_key(taught))
    order = sorted(after, key=lambda k: (k != mine, -max(after[k][1], before.get(k, (0, 0.0))[1])))
    return [
        {"label": after[k][0], "before": before.get(k, ("", 0.0))[1], "after": after[k][1]}
        for k in order[:COMPARED]
    ]
