"""Settings: refused at the door if they cannot be, kept with their types, changed as promised."""

import numpy as np
import pytest

import quickstudy
from quickstudy import Feedback
from quickstudy.errors import InputError, LabelError, NotFoundError, SettingError
from tests.deploy.support import EASY, agrees, learned, record, sound, tally, train, types

WRONG = [
    ("target", [0, 1, 1.5, -0.1, float("nan"), "high", None, True, [0.9]]),
    ("alpha", [0, 1, -1, float("inf"), "a", None]),
    ("audit", [0, -0.1, 1.1, float("nan"), "a", None]),
    ("wait_seconds", [0, -1, 1e10, float("nan"), "w", None]),
    ("targets", [{"x": "y"}, {"x": 1.5}, {"x": 0}, [("a",)], 7, {0.5: 0.9}, {"": 0.9}]),
    ("costs", [{"x": 0}, {"x": -1}, {"x": float("inf")}, {"x": None}, "costs"]),
    ("trusted", ["ana", ["ana", ""], [3], 7]),
    ("budget_mb", [0, 1, 1e9, float("nan"), "x", None]),
    ("seed", [-1, 1.5, "x", True]),
    ("schema", [{"a": "colour"}, {1: "number"}, "number", {"a": 3}]),
]


@pytest.fixture(scope="module")
def steady(tmp_path_factory):
    """A deployment in which nothing changes, as all is refused."""
    with quickstudy.open(tmp_path_factory.mktemp("store") / "work.db") as deployment:
        deployment.create("t", seed=1)
        yield deployment
        assert types(deployment) == ["created"] and learned(deployment, "t") == 0


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in WRONG for v in values])
def test_a_setting_that_cannot_be_is_refused_and_named(steady, name, value):
    with pytest.raises((SettingError, LabelError), match=f"{name}|label|field"):
        steady.create("new", **{name: value})
    if name not in ("budget_mb", "seed", "schema"):
        with pytest.raises((SettingError, LabelError), match=f"{name}|label"):
            steady.change("t", **{name: value})
    assert types(steady) == ["created"]


@pytest.mark.parametrize("name", ["", "a/b", " a", "a ", "x" * 129, "a\nb", "\ud83d", 7, None])
def test_a_name_that_cannot_be_is_refused(steady, name):
    with pytest.raises(InputError):
        steady.create(name)
    assert len(steady.learners()) == 1


def test_a_name_is_taken_once_and_free_when_its_learner_is_gone(deployment):
    with pytest.raises(InputError, match="already"):
        deployment.create("t")
    deployment.feedback(learner="t", record=record(0), label="x")
    assert learned(deployment, "t") == 1
    deployment.delete("t")
    with pytest.raises(NotFoundError, match="none yet"):
        deployment.learner("t")
    assert deployment.create("t", seed=2).examples == 0
    with pytest.raises(NotFoundError, match="t"):
        deployment.delete("nobody")


def test_settings_are_kept_with_their_types_over_a_restart(path):
    given = {
        "schema": {"a": "category"},
        "target": 0.9,
        "alpha": 0.1,
        "targets": {1: 0.8, "1": 0.7},
        "costs": [(True, 2.0), ("x", 3)],
        "audit": 0.25,
        "wait_seconds": 12.5,
        "budget_mb": 32,
        "seed": 2**40,
        "trusted": ["ana", "ü"],
    }
    with quickstudy.open(path) as deployment:
        made = deployment.create("t", **given)
    with quickstudy.open(path) as deployment:
        again = deployment.learner("t")
    assert again == made and again.settings.schema == {"a": "category"}
    assert again.settings.targets == ((1, 0.8), ("1", 0.7))
    assert [type(y) for y, _ in again.settings.costs] == [bool, str]
    assert again.settings.trusted == ("ana", "ü") and again.settings.seed == 2**40


def test_learners_are_listed_by_name(deployment):
    for name in ("b", "a", "ü"):
        deployment.create(name, seed=1)
    assert [info.name for info in deployment.learners()] == ["a", "b", "t", "ü"]


def test_another_promise_must_be_proved_anew(path):
    with quickstudy.open(path) as deployment:
        deployment.create("t", **EASY)
        assert train(deployment, "t", 60)[-1].decision == "act"
        assert deployment.change(
            "t", wait_seconds=1e6, trusted=["boss", "ana"]
        ).settings.trusted == (
            "boss",
            "ana",
        )
        assert deployment.predict("t", record(0)).decision == "act"
        examples = learned(deployment, "t")
        assert deployment.change("t", target=0.7).settings.target == 0.7
        assert deployment.predict("t", record(0)).decision == "ask"
        assert learned(deployment, "t") == examples
        state = deployment.state_hash("t")
    with quickstudy.open(path) as deployment:
        assert (
            deployment.state_hash("t") == state and deployment.learner("t").settings.target == 0.7
        )
        assert deployment.predict("t", record(0)).decision == "ask"
        assert train(deployment, "t", 60)[-1].decision == "act" and sound(deployment) == []


def test_what_cannot_be_changed_is_refused(deployment):
    for setting in ({"seed": 3}, {"schema": {}}, {"budget_mb": 99}, {"tarket": 0.9}):
        with pytest.raises(SettingError, match=next(iter(setting))):
            deployment.change("t", **setting)
    assert types(deployment) == ["created"]


def test_a_label_with_a_target_of_its_own_acts_only_by_its_own_proof(path):
    with quickstudy.open(path) as deployment:
        deployment.create("t", **EASY | {"targets": {"even": 0.999}})
        acted = {a.label for a in train(deployment, "t", 90) if a.decision == "act"}
        assert acted == {"odd"}


def test_there_is_room_for_so_many_labels_and_no_more(path):
    """The least budget has room for 128."""
    with quickstudy.open(path) as deployment:
        deployment.create("t", budget_mb=16, seed=1)
        ahead = [Feedback("sent ahead", label="too many", source="ana")]
        assert deployment.feedback_many(ahead)[0].status == "early"

        def items(start, n):
            return [
                Feedback(learner="t", record={"n": i}, label=f"l{i}", key=f"k{i}")
                for i in range(start, start + n)
            ]

        deployment.feedback_many(items(0, 120))
        with pytest.raises(LabelError, match="128"):
            deployment.feedback_many(items(120, 9))
        deployment.feedback_many(items(120, 8), wait_learned=True)
        assert learned(deployment, "t") == 128 == len(deployment.learner("t").labels)
        case = deployment.predict("t", {"n": 3}).id
        with pytest.raises(LabelError, match="one more"):
            deployment.feedback(case, label="one more")
        assert deployment.feedback(case, label="l5", source="ana").status == "accepted"
        deployment.predict("t", {"n": 4}, id="sent ahead")
        assert len(deployment.learner("t").labels) == 128 and tally(deployment, "t")[1] == 0
    with quickstudy.open(path) as deployment:
        with pytest.raises(LabelError):
            deployment.feedback(learner="t", record={"n": 1}, label="one more")
        assert agrees(deployment, "t") and sound(deployment) == []


@pytest.mark.parametrize("label", ["", "  ", "x" * 1001, 0.5, None, 2**63, "\ud83d", b"x", ["x"]])
def test_what_is_no_label_is_refused(deployment, label):
    case = deployment.predict("t", {"a": 1}).id
    with pytest.raises(LabelError):
        deployment.feedback(case, label=label)
    with pytest.raises(InputError):
        deployment.feedback(learner="t", record={"a": 1}, label=label)
    assert tally(deployment, "t") == (1, 0, 0) and learned(deployment, "t") == 0


def test_settings_of_numpy_are_plain_numbers(path):
    given = {"target": np.float32(0.75), "seed": np.int64(3), "budget_mb": np.int16(32)}
    with quickstudy.open(path) as deployment:
        made = deployment.create(
            np.str_("t"), **given, targets={np.str_("x"): np.float32(0.5)}
        ).settings
    assert (made.target, made.seed, made.budget_mb) == (0.75, 3, 32.0)
    assert dict(made.targets) == {"x": 0.5} and type(made.seed) is int


def test_spaces_around_a_source_make_no_second_person(path):
    with quickstudy.open(path) as deployment:
        deployment.create("t", seed=1)
        case = deployment.predict("t", record(1)).id
        for source in ("ana", " ana "):
            said = deployment.feedback(prediction_id=case, label="x", source=source)
        assert "another source" not in said.message
