"""What the counter brings to the pages: those of the classifier, with an overview of its own."""

from dataclasses import replace

from fastapi.responses import HTMLResponse

from quickstudy.serve.dashboard.base.kinds import NewForm
from quickstudy.serve.dashboard.learners.classifier import CLASSIFIER


def _overview(request, store, name):
    labels = ", ".join(str(label) for label in store.learner(name).labels)
    return HTMLResponse(f"<h1>{name}</h1><p>It counts: {labels}</p>")


def _create(store, name, form, actor):
    store.create(name, kind="counter", target=float(form["target"]) / 100.0, actor=actor)


PAGES = replace(
    CLASSIFIER,
    kind="counter",
    overview=_overview,
    new=NewForm(("Counts", ": it answers with the usual label"), "learners/parts/new.html", {}),
    create=_create,
)
