"""The exam: pinned cases that every version has to pass."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import Request, Response

from quickstudy.api.versions import Bound, Exam
from quickstudy.errors import InputError, QuickstudyError
from quickstudy.evaluate.data.table import read_table
from quickstudy.serve.dashboard.base.forms import Form, LongForm, field, file_of
from quickstudy.serve.dashboard.base.kinds import classifier
from quickstudy.serve.dashboard.base.records import read_label, read_record
from quickstudy.serve.dashboard.base.rendering import go, home, page_router, render, settle
from quickstudy.serve.dashboard.base.session import Known, Session, Store
from quickstudy.types import Label

router = page_router()
Row = tuple[Any, Label, Bound]  # what is pinned: record, label, bound


@router.get("/learners/{name}/exam")
def exam_page(request: Request, visitor: Known, store: Store, name: str) -> Response:
    """The page; it runs the exam of champion and challenger once it is open."""
    visitor.require("teach", name)
    return _page(request, visitor, store, name)


@router.get("/learners/{name}/exam/sheet")
def sheet(request: Request, visitor: Known, store: Store, name: str, again: str = "") -> Response:
    """Every pin, and what the champion and the challenger answer to it."""
    visitor.require("teach", name)
    by_role = {v.role: v for v in store.versions(name)}
    champion, rival = store.exam(name), by_role.get("challenger")
    other = store.exam(name, version=rival.id) if rival else None
    said = _result(champion) if again else ""
    return render(
        request, "oversight/parts/sheet.html", said=said, name=name, exam=champion, other=other,
        answers={p.id: p for p in other.pins} if other else {}, may=visitor.may("manage", name),
    )  # fmt: skip


@router.post("/learners/{name}/exam")
def pin(request: Request, visitor: Known, store: Store, form: Form, name: str) -> Response:
    """Pin a case that somebody typed."""
    visitor.require("manage", name)
    typed = field(form, "record")

    def act() -> str:
        label = read_label(
            field(form, "label"), field(form, "text"), classifier(store, name).labels
        )
        store.pin(
            name, record=read_record(typed), label=label,
            bound=bound_of(field(form, "bound")), source=visitor.source, actor=visitor.actor,
        )  # fmt: skip
        return f"{home(name)}/exam?done=pinned"

    return settle(request, act, partial(_page, request, visitor, store, name, typed=typed))


@router.post("/learners/{name}/exam/import")
def pin_file(request: Request, visitor: Known, store: Store, form: LongForm, name: str) -> Response:
    """Pin every row of a file."""
    visitor.require("manage", name)

    def act() -> str:
        given = file_of(form, "file")
        if given is None:
            raise InputError("choose a file first")
        rows = rows_of(*given, classifier(store, name).labels, bound_of(field(form, "bound")))
        pinned = store.pin_many(name, rows, actor=visitor.actor)
        return f"{home(name)}/exam?done=pinned&count={pinned}"

    def page(*, status: int, problem: str) -> Response:
        return _page(request, visitor, store, name, status=status, file_problem=problem)

    return settle(request, act, page)


@router.post("/learners/{name}/exam/unpin")
def unpin(request: Request, visitor: Known, store: Store, form: Form, name: str) -> Response:
    """Take a case off the exam."""
    visitor.require("manage", name)
    store.unpin(name, field(form, "id"), actor=visitor.actor)
    return go(request, f"{home(name)}/exam?done=unpinned")


def bound_of(text: str) -> Bound:
    """A bound from a form.

    >>> bound_of("should"), bound_of("")
    ('should', 'must')
    """
    return "should" if text.strip().casefold() == "should" else "must"


def rows_of(name: str, content: bytes, known: tuple[Label, ...], bound: Bound) -> list[Row]:
    """The rows of a CSV or JSONL file: columns `label`, perhaps `bound`; the rest is the record.

    Raises:
        DataFileError, LabelError: the file cannot be read; the message says which line.
    """
    suffix = "".join(Path(name).suffixes[-2:])[-16:] or ".csv"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"exam{suffix}"
        path.write_bytes(content)
        try:
            table = read_table(path, target="label", labels=known)
        except QuickstudyError as error:
            raise type(error)(str(error).replace(str(path), name)) from None
    labels = [read_label("", y, known) if isinstance(y, str) else y for y in table.labels]
    bounds = [str(r.pop("bound", None) or bound) for r in table.records]
    records = [r["text"] if list(r) == ["text"] else r for r in table.records]
    return list(zip(records, labels, map(bound_of, bounds), strict=True))


def _result(exam: Exam) -> str:
    if not exam.failed:
        return f"It passes all {exam.passed}."
    return f"It passes {exam.passed}, and fails {exam.failed}."


def _page(
    request: Request,
    visitor: Session,
    store: Store,
    name: str,
    *,
    status: int = 200,
    problem: str = "",
    file_problem: str = "",
    typed: str = "",
) -> Response:
    asked = request.query_params
    return render(
        request,
        "oversight/exam.html",
        status=status,
        name=name,
        labels=classifier(store, name).labels,
        problem=problem,
        file_problem=file_problem,
        typed=typed,
        may=visitor.may("manage", name),
        done=asked.get("done", ""),
        count=asked.get("count", ""),
    )
