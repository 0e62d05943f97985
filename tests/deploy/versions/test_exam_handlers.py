"""Corrections of trusted sources are pinned as they come, and what people pinned stays."""

import pytest

import quickstudy
from tests.deploy.support import EASY, acted, agrees, record, sound, train, truth, types

SETTINGS = EASY | {"consolidate": False}


@pytest.fixture
def desk(path):
    with quickstudy.open(path) as desk:
        desk.create("t", **SETTINGS)
        train(desk, "t", 20)
        yield desk
        assert agrees(desk, "t")


def pins(desk):
    return desk.exam("t").pins


def wrong(desk, i, *, source="boss", label="neither", **more):
    """Correct the answer to record i."""
    answer = desk.predict("t", record(i))
    desk.feedback(answer.id, label=label, source=source, wait_learned=True, **more)
    return answer


def test_a_correction_of_a_trusted_source_is_pinned(desk):
    count = len(pins(desk))
    answer = wrong(desk, 0)
    (pin,) = [pin for pin in pins(desk) if pin.record == record(0)]
    assert (pin.label, pin.bound, pin.auto, pin.source) == ("neither", "should", True, "boss")
    event = desk.events(after=pin.seq - 1)[0]
    assert (event.type, event.subject, event.actor) == ("pinned", answer.id, "desk")
    assert event.payload["auto"] and len(pins(desk)) == count + 1
    assert pin.answer == desk.predict("t", record(0)).label


@pytest.mark.parametrize(
    ("source", "label"), [("ana", "neither"), ("boss", truth(record(0)))], ids=["who", "right"]
)
def test_neither_other_sources_nor_what_was_right_is_pinned(desk, source, label):
    before = pins(desk)
    wrong(desk, 0, source=source, label=label)
    assert pins(desk) == before


def test_what_is_refused_without_a_label_or_had_no_answer_is_not_pinned(desk):
    before = pins(desk)
    desk.feedback(desk.predict("t", record(0)).id, correct=False, source="boss")
    desk.create("new", **SETTINGS)
    desk.feedback(desk.predict("new", record(0)).id, label="even", source="boss")
    assert types(desk).count("pinned") == len(before) and desk.exam("new").pins == ()


def test_without_trusted_sources_nothing_is_pinned(path):
    with quickstudy.open(path) as desk:
        desk.create("t", **SETTINGS | {"trusted": []})
        train(desk, "t", 20)
        wrong(desk, 0)
        assert pins(desk) == ()


def test_a_later_correction_takes_the_place_of_an_earlier_one(desk):
    wrong(desk, 0)
    count = len(pins(desk))
    answer = wrong(desk, 0, label="other")
    (pin,) = [pin for pin in pins(desk) if pin.record == record(0)]
    assert pin.label == "other" and len(pins(desk)) == count
    desk.feedback(answer.id, label="third", source="boss")
    (pin,) = [pin for pin in pins(desk) if pin.record == record(0)]
    assert pin.label == "third"


def test_what_was_pinned_by_hand_stays(desk):
    desk.pin("t", record=record(0), label=truth(record(0)), bound="must", actor="ana")
    wrong(desk, 0)
    (pin,) = [pin for pin in pins(desk) if pin.record == record(0)]
    assert (pin.label, pin.bound, pin.auto) == (truth(record(0)), "must", False)
    desk.unpin("t", pin.id)
    wrong(desk, 0, label="other")
    assert [pin.auto for pin in pins(desk) if pin.record == record(0)] == [True]


def test_a_pin_by_hand_takes_the_place_of_a_correction(desk):
    answer = wrong(desk, 0)
    made = desk.pin("t", prediction_id=answer.id, label="even")
    assert [pin.id for pin in pins(desk) if pin.record == record(0)] == [made.id]


def test_a_correction_that_is_sent_again_or_contested_is_pinned_once(desk):
    answer = wrong(desk, 0, key="k")
    count = types(desk).count("pinned")
    for key in ("k", "k2"):
        desk.feedback(answer.id, label="neither", source="boss", key=key)
    assert types(desk).count("pinned") == count
    for i, who in enumerate(("ana", "boss", "ana", "boss")):
        desk.feedback(answer.id, label=f"l{i}", source=who)
    assert desk.history(answer.id).status == "contested"
    (pin,) = [pin for pin in pins(desk) if pin.record == record(0)]
    assert pin.label != "l3"  # that was not learned


def test_an_audit_that_finds_an_answer_wrong_is_pinned_with_the_answer_of_the_champion(desk):
    answer = acted(desk, "t", audit=True)
    desk.feedback(answer.id, label="neither", source="boss", wait_learned=True)
    (pin,) = [pin for pin in pins(desk) if pin.label == "neither"]
    assert pin.record == desk.history(answer.id).record


def test_pins_survive_a_restart(path):
    with quickstudy.open(path) as desk:
        desk.create("t", **SETTINGS)
        train(desk, "t", 20)
        wrong(desk, 0)
        before = desk.exam("t")
    with quickstudy.open(path) as desk:
        assert desk.exam("t") == before and sound(desk) == []
