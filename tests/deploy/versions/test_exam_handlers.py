"""Corrections of trusted sources are pinned as they come, and what people pinned stays."""

import pytest

import quickstudy
from tests.deploy.support import EASY, acted, agrees, record, sound, train, truth, types

SETTINGS = EASY | {"consolidate": False}


@pytest.fixture
def deployment(path):
    with quickstudy.open(path) as deployment:
        deployment.create("t", **SETTINGS)
        train(deployment, "t", 20)
        yield deployment
        assert agrees(deployment, "t")


def pins(deployment):
    return deployment.exam("t").pins


def wrong(deployment, i, *, source="boss", label="neither", **more):
    """Correct the answer to record i."""
    answer = deployment.predict("t", record(i))
    deployment.feedback(answer.id, label=label, source=source, wait_learned=True, **more)
    return answer


def test_a_correction_of_a_trusted_source_is_pinned(deployment):
    count = len(pins(deployment))
    answer = wrong(deployment, 0)
    (pin,) = [pin for pin in pins(deployment) if pin.record == record(0)]
    assert (pin.label, pin.bound, pin.auto, pin.source) == ("neither", "should", True, "boss")
    event = deployment.events(after=pin.seq - 1)[0]
    assert (event.type, event.subject, event.actor) == ("pinned", answer.id, "system")
    assert event.payload["auto"] and len(pins(deployment)) == count + 1
    assert pin.answer == deployment.predict("t", record(0)).label


@pytest.mark.parametrize(
    ("source", "label"), [("ana", "neither"), ("boss", truth(record(0)))], ids=["who", "right"]
)
def test_neither_other_sources_nor_what_was_right_is_pinned(deployment, source, label):
    before = pins(deployment)
    wrong(deployment, 0, source=source, label=label)
    assert pins(deployment) == before


def test_what_is_refused_without_a_label_or_had_no_answer_is_not_pinned(deployment):
    before = pins(deployment)
    deployment.feedback(deployment.predict("t", record(0)).id, correct=False, source="boss")
    deployment.create("new", **SETTINGS)
    deployment.feedback(deployment.predict("new", record(0)).id, label="even", source="boss")
    assert types(deployment).count("pinned") == len(before) and deployment.exam("new").pins == ()


def test_without_trusted_sources_nothing_is_pinned(path):
    with quickstudy.open(path) as deployment:
        deployment.create("t", **SETTINGS | {"trusted": []})
        train(deployment, "t", 20)
        wrong(deployment, 0)
        assert pins(deployment) == ()


def test_a_later_correction_takes_the_place_of_an_earlier_one(deployment):
    wrong(deployment, 0)
    count = len(pins(deployment))
    answer = wrong(deployment, 0, label="other")
    (pin,) = [pin for pin in pins(deployment) if pin.record == record(0)]
    assert pin.label == "other" and len(pins(deployment)) == count
    deployment.feedback(answer.id, label="third", source="boss")
    (pin,) = [pin for pin in pins(deployment) if pin.record == record(0)]
    assert pin.label == "third"


def test_what_was_pinned_by_hand_stays(deployment):
    deployment.pin("t", record=record(0), label=truth(record(0)), bound="must", actor="ana")
    wrong(deployment, 0)
    (pin,) = [pin for pin in pins(deployment) if pin.record == record(0)]
    assert (pin.label, pin.bound, pin.auto) == (truth(record(0)), "must", False)
    deployment.unpin("t", pin.id)
    wrong(deployment, 0, label="other")
    assert [pin.auto for pin in pins(deployment) if pin.record == record(0)] == [True]


def test_a_pin_by_hand_takes_the_place_of_a_correction(deployment):
    answer = wrong(deployment, 0)
    made = deployment.pin("t", prediction_id=answer.id, label="even")
    assert [pin.id for pin in pins(deployment) if pin.record == record(0)] == [made.id]


def test_a_correction_that_is_sent_again_or_contested_is_pinned_once(deployment):
    answer = wrong(deployment, 0, key="k")
    count = types(deployment).count("pinned")
    for key in ("k", "k2"):
        deployment.feedback(answer.id, label="neither", source="boss", key=key)
    assert types(deployment).count("pinned") == count
    for i, who in enumerate(("ana", "boss", "ana", "boss")):
        deployment.feedback(answer.id, label=f"l{i}", source=who)
    assert deployment.history(answer.id).status == "contested"
    (pin,) = [pin for pin in pins(deployment) if pin.record == record(0)]
    assert pin.label != "l3"  # that was not learned


def test_an_audit_that_finds_an_answer_wrong_is_pinned_with_the_answer_of_the_champion(deployment):
    answer = acted(deployment, "t", audit=True)
    deployment.feedback(answer.id, label="neither", source="boss", wait_learned=True)
    (pin,) = [pin for pin in pins(deployment) if pin.label == "neither"]
    assert pin.record == deployment.history(answer.id).record


def test_pins_survive_a_restart(path):
    with quickstudy.open(path) as deployment:
        deployment.create("t", **SETTINGS)
        train(deployment, "t", 20)
        wrong(deployment, 0)
        before = deployment.exam("t")
    with quickstudy.open(path) as deployment:
        assert deployment.exam("t") == before and sound(deployment) == []
