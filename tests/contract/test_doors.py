"""What comes in by any entrance is learned as the same plain values: live, restarted and replayed.

The entrances: `Classifier`, a store in the process, and a client over HTTP. A label is given in an
odd spelling (an Enum, a numpy scalar, another normal form, spaces) and in its plain one.
"""

import datetime as dt
import enum
import tempfile
import unicodedata
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import quickstudy
from quickstudy import Classifier, Feedback
from quickstudy.deploy.decisions.commands import RecordFeedback
from quickstudy.deploy.recovery.replay import new_learner, replay
from quickstudy.errors import InputError, LabelError, RecordError
from tests.deploy.support import sound
from tests.serve.support import running


class Queue(enum.StrEnum):
    BILLING = "billing"
    CARDS = "cards"


class Bare(enum.Enum):
    CAFE = "cafe\u0301 "
    TWO = 2


MOMENT = dt.datetime(2024, 5, 1, 18, 30)
# (odd spelling, plain one)
LABELS = [
    (Queue.CARDS, "cards"),
    (" billing\n", "billing"),
    (Bare.CAFE, "caf\u00e9"),
    (Bare.TWO, 2),
    (np.str_("cards"), "cards"),
    (np.float64(2.0), 2),
    (np.True_, True),
    (Decimal("1"), 1),
    ("lost\u00a0 card", "lost card"),
]
FIELDS = [
    ("kind", Queue.BILLING, "billing"),
    ("caf\u0065\u0301", "the\u0301", "th\u00e9"),
    ("n", np.int16(7), 7),
    ("price", Decimal("2.5"), 2.5),
    ("flag", np.bool_(False), False),
    ("gone", np.datetime64("NaT"), None),
    ("v", np.array([1.0, 2.0]), [1.0, 2.0]),
    ("took", dt.timedelta(seconds=90), 90.0),
]
TIME = {"hour": 18.5, "weekday": 2, "month": 5, "day": 1, "days": 19844.770833333332}


@st.composite
def updates(draw):
    """A record and a label, each as it is spelled and as it is plain."""
    chosen = draw(
        st.lists(st.sampled_from(FIELDS), min_size=1, max_size=4, unique_by=lambda f: f[0])
    )
    spelled = {name: odd for name, odd, _ in chosen}
    plain = {unicodedata.normalize("NFC", name): value for name, _, value in chosen}
    if draw(st.booleans()):
        spelled["at"] = draw(st.sampled_from([MOMENT, np.datetime64(MOMENT, "ns")]))
        plain |= {f"at.{part}": value for part, value in TIME.items()}
    odd, label = draw(st.sampled_from(LABELS))
    return (spelled, odd), (dict(sorted(plain.items())), label)


class Entrance:
    """A store with a learner, taught in the process or over HTTP, and looked at after a restart."""

    def __init__(self, stack, *, remote):
        self.path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "s.db"
        self.remote = remote

    def teach(self, taught):
        """Labels and state hash, live, and then after a restart and in a replay."""
        with quickstudy.open(self.path) as deployment:
            deployment.create("t", seed=1)
            with ExitStack() as stack:
                end = deployment
                if self.remote:
                    end = quickstudy.connect(stack.enter_context(running(deployment)))
                    stack.callback(end.close)
                receipts = [
                    end.feedback(learner="t", record=x, label=y, wait_learned=True)
                    for x, y in taught
                ]
                said = [end.predict("t", x).label for x, _ in taught]
            live = deployment.learner("t").labels, deployment.state_hash("t")
            assert {r.status for r in receipts} == {"accepted"}
            assert deployment.learner("t").examples == len(taught)
        with quickstudy.open(self.path) as deployment:
            assert (deployment.learner("t").labels, deployment.state_hash("t")) == live
            assert sound(deployment) == []
            again = replay(deployment.store, 1)
        assert again.learner.labels == live[0]
        return live[0], again.learner.state_hash(), said


@given(st.lists(updates(), min_size=2, max_size=6))
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_entrance_learns_the_same_of_the_same_values(told):
    odd, plain = [one for one, _ in told], [one for _, one in told]
    with ExitStack() as stack:
        found = [
            Entrance(stack, remote=remote).teach(taught)
            for taught, remote in ((plain, False), (odd, False), (odd, True))
        ]
    assert found[0] == found[1] == found[2]
    library = Classifier(seed=1)
    library.defer_refits()
    for x, y in odd:
        library.learn(dict(sorted(x.items(), key=lambda f: unicodedata.normalize("NFC", f[0]))), y)
    assert library.labels == found[0][0]
    assert [library.predict(x).label for x, _ in odd] == found[0][2]


@pytest.fixture(params=["in the process", "over HTTP"])
def end(request, tmp_path):
    """A deployment with a learner and a value learner, or a client of it."""
    with ExitStack() as stack:
        deployment = stack.enter_context(quickstudy.open(tmp_path / "s.db"))
        deployment.create("t", seed=1)
        deployment.create_value("v", seed=1)
        if request.param == "in the process":
            yield deployment
        else:
            client = quickstudy.connect(stack.enter_context(running(deployment)))
            yield client
            client.close()


def test_labels_that_look_the_same_are_one_label(end):
    for i, label in enumerate(["lost card", "lost card ", " lost card", "caf\u00e9", "cafe\u0301"]):
        end.feedback(learner="t", record={"x": float(i)}, label=label, wait_learned=True)
    assert end.learner("t").labels == ("lost card", "caf\u00e9")


def test_tables_are_predicted_and_taught_row_by_row(end):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"amount": [1.0, None, 9.0], "kind": ["a", "b", None]})
    receipts = end.feedback_many(
        frame, learner="t", labels=pd.Series([1.0, 2.0, 1.0]), wait_learned=True
    )
    assert [r.status for r in receipts] == ["accepted"] * 3
    assert end.learner("t").labels == (1, 2)
    answers = end.predict_many("t", frame, ids=pd.Series(["a", None, "c"]))
    assert len(answers) == 3 and (answers[0].id, answers[2].id) == ("a", "c")
    assert end.history("a").record == {"amount": 1.0, "kind": "a"}
    said = pd.DataFrame(
        {"prediction_id": ["a", "c"], "label": [2, None], "correct": [None, False], "source": "ana"}
    )
    assert [r.prediction_id for r in end.feedback_many(said)] == ["a", "c"]
    answers = end.predict_many("t", np.array([[1.0, np.nan], [2.0, 3.0]]))
    assert end.history(answers[0].id).record == [1.0, None]


@pytest.mark.parametrize("batch", [{"amount": 3}, "large", np.zeros(2)])
def test_one_record_is_no_batch_and_nothing_is_put_on_record(end, batch):
    before = len(end.events())
    with pytest.raises(RecordError, match=r"records .*write"):
        end.predict_many("t", batch)
    with pytest.raises(InputError, match="write"):
        end.feedback_many(batch, learner="t", labels=["a"])
    assert len(end.events()) == before


def test_what_cannot_be_plain_is_refused_before_it_is_on_record(end):
    before = len(end.events())
    for label in (1.5, None, "", " \u200b", b"cards", np.datetime64("NaT"), object()):
        with pytest.raises((LabelError, InputError)):
            end.feedback(learner="t", record={"x": 1.0}, label=label)
    for record in ({"x": np.timedelta64(1, "M")}, {"x": {1, 2}}, {1: 2.0}, {"x": float("nan")}):
        with pytest.raises(RecordError):
            end.predict("t", record)
    with pytest.raises(InputError, match="no feedback has"):
        end.feedback_many([{"prediction": "a", "label": "b"}])
    assert len(end.events()) == before


def test_names_sources_and_ids_are_plain_too(end):
    answer = end.predict("t", {"x": 1.0}, id=np.str_("cafe\u0301"))
    assert answer.id == "caf\u00e9"
    assert end.feedback("cafe\u0301", label="a", source=Queue.CARDS).status == "accepted"
    assert end.feedback("caf\u00e9", label="a", source="cards").status == "repeated"
    assert end.history("cafe\u0301").record == {"x": 1.0}


def test_actions_of_any_kind_and_true_as_an_outcome(end):
    run = end.start("v", task=Queue.CARDS)
    end.step("v", run.id, {"at": MOMENT}, action={"tool": "search", "args": [np.int64(1)]})
    end.step("v", run.id, action=7, error=np.bool_(True), reward=np.float32(0.5))
    info = end.end("v", run.id, True)
    assert (info.outcome, info.success, info.task) == (1.0, True, "cards")
    steps = end.run("v", run.id).steps
    assert [step.action for step in steps] == ['{"args":[1],"tool":"search"}', "7"]
    assert steps[0].input == {f"at.{part}": value for part, value in TIME.items()}


def test_pins_and_limits_are_plain(end):
    pin = end.pin("t", record={"kind": Queue.CARDS, "at": np.datetime64(MOMENT)}, label=Queue.CARDS)
    assert pin.label == "cards" and pin.record["kind"] == "cards" and pin.record["at.hour"] == 18.5
    assert end.pin_many("t", [({"x": np.int8(1)}, " cards ", "must")]) == 1


def test_an_old_log_is_replayed_as_it_was_learned(tmp_path):
    """What was logged before there was one door, here past the door, keeps its spelling."""
    path = tmp_path / "s.db"
    old = [
        Feedback(learner="t", record={"e\u0301": "a\u0301", "x": float(i)}, label=label, key=str(i))
        for i, label in enumerate(["lost card ", "lost card", "cafe\u0301", "caf\u00e9"] * 3)
    ]
    with quickstudy.open(path) as deployment:
        info = deployment.create("t", seed=1)
        deployment.writer.submit(RecordFeedback(old, "local")).result()
        deployment.flush()
        live = deployment.learner("t").labels, deployment.state_hash("t")
    assert live[0] == ("lost card ", "lost card", "cafe\u0301", "caf\u00e9")
    with quickstudy.open(path) as deployment:
        assert (deployment.learner("t").labels, deployment.state_hash("t")) == live
        assert sound(deployment) == []
        assert replay(deployment.store, 1).learner.labels == live[0]
        assert deployment.cases("t", label="lost card ") == []
    by_hand = new_learner(info.settings)
    by_hand.learn_many([one.record for one in old], [one.label for one in old], as_is=True)
    assert by_hand.labels == live[0]
