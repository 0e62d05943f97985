"""The simulated teacher labels what is asked and audited; a few asks stay for the visitor."""

from dataclasses import dataclass, field

import pytest

from quickstudy.api.decisions import Answer
from quickstudy.demo.teacher import LEAVE_EVERY, MOST_LEFT, NAME, Teacher


@dataclass
class Shop:
    """A queue as a client sees it: what waits, who holds it, who answered it."""

    waiting: dict = field(default_factory=dict)
    held: set = field(default_factory=set)
    taught: dict = field(default_factory=dict)

    def answer(self, number, decision="ask", audit=False):
        name = f"p_{number}"
        if decision == "ask" or audit:
            self.waiting[name] = number
        return Answer(name, "bank", "x", decision, 0.5, 0.1, 0, audit, "", (), number, 0.0)

    def feedback(self, prediction_id, *, label, source):
        assert prediction_id not in self.taught, "a case is answered once"
        self.waiting.pop(prediction_id)
        self.taught[prediction_id] = (label, source)

    def claim(self, name, *, holder, id):
        return None if id in self.held else id

    def history(self, prediction_id):
        status = "waiting" if prediction_id in self.waiting else "labelled"
        return type("Case", (), {"status": status})


@pytest.fixture
def shop():
    return Shop()


@pytest.fixture
def teacher(shop):
    return Teacher(shop, "bank")


def test_it_answers_asks_and_audits_and_nothing_else(shop, teacher):
    teacher.see(shop.answer(1, "ask"), "lost card")
    teacher.see(shop.answer(2, "act"), "top up")
    teacher.see(shop.answer(3, "act", audit=True), "fees")
    assert shop.taught == {"p_1": ("lost card", NAME), "p_3": ("fees", NAME)}


def test_one_ask_in_twenty_stays_and_never_more_than_twelve(shop, teacher):
    sizes = []
    for i in range(1, 1001):
        teacher.see(shop.answer(i), i)
        sizes.append(len(shop.waiting))
    assert sizes[LEAVE_EVERY - 2] == 0 and sizes[LEAVE_EVERY - 1] == 1
    assert max(sizes) == sizes[-1] == MOST_LEFT
    assert min(shop.waiting.values()) > 1000 - (MOST_LEFT + 1) * LEAVE_EVERY, "the latest ones stay"
    assert all(shop.taught[f"p_{i}"] == (i, NAME) for i in range(1, 700))


def test_what_the_visitor_holds_or_answered_is_left_alone(shop, teacher):
    for i in range(1, MOST_LEFT * LEAVE_EVERY + 1):
        teacher.see(shop.answer(i), i)
    held, answered, *_ = sorted(shop.waiting, key=shop.waiting.get)
    shop.held.add(held)
    shop.feedback(answered, label="mine", source="visitor")
    for later in range(i + 1, i + 3 * LEAVE_EVERY + 1):
        teacher.see(shop.answer(later), later)
    assert held in shop.waiting and shop.taught[answered] == ("mine", "visitor")
    assert len(shop.waiting) <= MOST_LEFT + 1


def test_audits_are_never_left(shop, teacher):
    for i in range(1, 101):
        teacher.see(shop.answer(i, "act", audit=True), i)
    assert not shop.waiting
