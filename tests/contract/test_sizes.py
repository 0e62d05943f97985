"""Both ends refuse what is too large in the same words."""

from contextlib import ExitStack

import pytest

import quickstudy
from quickstudy import Feedback
from quickstudy.errors import QuickstudyError
from tests.serve.support import running
from tests.sizes import LONG, SMALL

CALLS = {
    "a text": lambda d: d.predict("cards", LONG),
    "a text in a field": lambda d: d.predict("cards", {"city": LONG}),
    "a text among many": lambda d: d.predict_many("cards", ["a", LONG]),
    "fields": lambda d: d.predict("cards", {f"f{i}": i for i in range(5)}),
    "a vector": lambda d: d.predict("cards", [0.5] * 5),
    "a vector in a field": lambda d: d.predict("cards", {"v": [0.5] * 5}),
    "a name": lambda d: d.predict("cards", {"height": 1}),
    "a batch": lambda d: d.predict_many("cards", ["a"] * 4),
    "an empty batch": lambda d: d.predict_many("cards", []),
    "a text to learn": lambda d: d.feedback(learner="cards", record=LONG, label="lost"),
    "a label": lambda d: d.feedback(learner="cards", record="a", label="x" * 7),
    "no label": lambda d: d.feedback(learner="cards", record="a", label="x" * 1_001),
    "feedbacks": lambda d: d.feedback_many([Feedback(None, "cards", "a", "x", key="k")] * 4),
    "no feedback": lambda d: d.feedback_many([]),
    "a pin": lambda d: d.pin("cards", record=LONG, label="lost"),
    "pins": lambda d: d.pin_many("cards", [("a", "lost", "must")] * 4),
    "a step": lambda d: d.step("agents", "run-1", LONG),
    "an action": lambda d: d.step("agents", "run-1", action=LONG),
    "a task": lambda d: d.start("agents", task=LONG),
}


@pytest.fixture(scope="module")
def ends(tmp_path_factory):
    """A store, and a client of a server of it."""
    with ExitStack() as stack:
        path = tmp_path_factory.mktemp("store") / "work.db"
        store = stack.enter_context(quickstudy.open(path, sizes=SMALL))
        store.create("cards", budget_mb=16)
        store.create_value("agents", budget_mb=16)
        store.start("agents", id="run-1")
        address = stack.enter_context(running(store))
        yield store, stack.enter_context(quickstudy.connect(address))


@pytest.mark.parametrize("what", CALLS)
def test_both_ends_refuse_it_in_the_same_words(ends, what):
    before = ends[0].events()[-1].seq
    refusals = []
    for end in ends:
        with pytest.raises(QuickstudyError) as refused:
            CALLS[what](end)
        refusals.append((type(refused.value), str(refused.value)))
    assert refusals[0] == refusals[1]
    assert ends[0].events()[-1].seq == before
