"""Runs of a shop that value functions learn from in tests: who pays gets the goods."""

import numpy as np

from quickstudy import ValueFunction

FORMS = {
    "record": lambda good, s: {"paid": good, "hour": s},
    "text": lambda good, s: f"the customer has {'paid all of it' if good else 'left the shop'} {s}",
    "vector": lambda good, s: [float(good), float(s), 7.0],
    "embedding": lambda good, s: np.eye(4)[0 if good else 1] * 0.8 + np.eye(4)[2 + s % 2] * 0.6,
    "field of text": lambda good, s: {"note": f"{'paid it all' if good else 'went away'} at {s}"},
    "mixed": lambda good, s: {"paid": good, "at": [0.6, 0.8], "note": "it is a day like any other"},
}


def play(v, good, *, steps=3, form="record", **given):
    """One run to its end; what was said at each step."""
    run = v.start(**given)
    said = [run.step(FORMS[form](good, s)) for s in range(steps)]
    run.end(float(good))
    return said


def shop(n=40, *, form="record", **settings):
    v = ValueFunction(**settings)
    for i in range(n):
        play(v, i % 2 == 0, form=form)
    return v


def probe(v, x=None, **given):
    """What would be said of a new run that begins with `x`; the learner stays as it is."""
    again = v.copy()
    return again.start(given.pop("task", None)).step(x, **given)
