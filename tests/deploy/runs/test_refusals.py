"""Hosted value learners: what is refused changes nothing, and whose a name or an id is."""

import pytest

import quickstudy
from quickstudy.api.runs import ValueInfo
from quickstudy.errors import InputError, NotFoundError, RecordError, SettingError
from tests.deploy.journeys import expire, play
from tests.deploy.support import sound

BAD_STEPS = [
    ({}, InputError, "x and action"),
    ({"x": {"a": float("nan")}}, RecordError, "'a'"),
    ({"x": {"a": object()}}, RecordError, "'a'"),
    ({"x": "a\ud800"}, RecordError, "Unicode"),
    ({"action": "a" * 10_001}, InputError, "action has 10,001"),
    ({"action": "\ud800"}, InputError, "action"),
    ({"action": object()}, InputError, "action is <object"),
    ({"action": "a", "error": 1}, InputError, "error is 1"),
    ({"action": "a", "reward": float("inf")}, InputError, "reward is inf"),
    ({"action": "a", "reward": "1"}, InputError, "reward is '1'"),
    ({"action": "a", "reward": 1.01e12}, InputError, "reward is 1010000000000.0"),
    ({"action": "a", "reward": 10**400}, InputError, "reward is 1000"),
]


@pytest.mark.parametrize(("sent", "kind", "says"), BAD_STEPS)
def test_a_step_that_cannot_be_read_changes_nothing_and_names_the_field(hosted, sent, kind, says):
    run = hosted.start("v").id
    hosted.step("v", run, {"a": 1.0}, action="go")
    before = hosted.state_hash("v"), hosted.store.head
    with pytest.raises(kind, match=says):
        hosted.step("v", run, **sent)
    assert (hosted.state_hash("v"), hosted.store.head) == before
    assert hosted.step("v", run, {"a": 2.0}, action="go").step == 2


BAD_ENDS = [
    ({"outcome": float("nan")}, "outcome is nan"),
    ({"outcome": "1"}, "outcome is '1'"),
    ({"outcome": 1.5}, r"outcome is 1.5; it must be in \[0, 1\]"),
    ({"outcome": 1.0, "success": 1}, "success is 1"),
    ({"outcome": 1.0, "source": ""}, "source"),
]


@pytest.mark.parametrize(("sent", "says"), BAD_ENDS)
def test_an_end_that_cannot_be_one_changes_nothing(hosted, sent, says):
    run = hosted.start("v").id
    before = hosted.state_hash("v"), hosted.store.head
    with pytest.raises(InputError, match=says):
        hosted.end("v", run, **sent)
    assert (hosted.state_hash("v"), hosted.store.head) == before
    assert hosted.end("v", run, 1.0).status == "ended"


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({"id": ""}, "id is ''"),
        ({"id": "x" * 129}, "id is"),
        ({"id": "r_1"}, "starts with 'r_'"),
        ({"task": "t" * 10_001}, "task has 10,001"),
        ({"task": 1}, "task is 1"),
    ],
)
def test_a_run_that_cannot_be_one_is_not_started(hosted, sent, says):
    before = hosted.store.head
    with pytest.raises(InputError, match=says):
        hosted.start("v", **sent)
    assert hosted.store.head == before


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"success": 0.5}, "success cannot be changed"),
        ({"stop_error": 0.0}, "stop_error"),
        ({"costs": {"steps": 1}}, "costs"),
        ({"most_open": 0}, "most_open"),
    ],
)
def test_settings_that_are_none_change_nothing(hosted, settings, says):
    before = hosted.state_hash("v"), hosted.store.head, hosted.learner("v")
    with pytest.raises(SettingError, match=says):
        hosted.change("v", **settings)
    assert (hosted.state_hash("v"), hosted.store.head, hosted.learner("v")) == before


def test_no_more_runs_than_may_be_open(hosted):
    hosted.change("v", most_open=2)
    first, _ = hosted.start("v").id, hosted.start("v").id
    with pytest.raises(InputError, match="most_open is 2"):
        hosted.start("v")
    hosted.end("v", first, 0.0)
    hosted.start("v")


def test_who_calls_the_wrong_kind_of_learner_is_told_what_to_call(hosted):
    run = hosted.start("v").id
    head = hosted.store.head
    for act in (
        lambda: hosted.predict("v", "x"),
        lambda: hosted.feedback(learner="v", record="x", label="y"),
        lambda: hosted.report("v"),
        lambda: hosted.asks("v"),
        lambda: hosted.cases("v"),
        lambda: hosted.versions("v"),
        lambda: hosted.gate("v"),
        lambda: hosted.exam("v"),
        lambda: hosted.pin("v", record="x", label="y"),
        lambda: hosted.limits("v"),
        lambda: hosted.autonomy("v"),
        lambda: hosted.sources("v"),
        lambda: hosted.challenge("v"),
    ):
        with pytest.raises(InputError, match=r"'v' is a value learner.* call start, step, end"):
            act()
    for act in (
        lambda: hosted.start("c"),
        lambda: hosted.step("c", run, "x"),
        lambda: hosted.end("c", run, 1.0),
        lambda: hosted.expire("c", run),
        lambda: hosted.runs("c"),
        lambda: hosted.run("c", run),
        lambda: hosted.value("c"),
    ):
        with pytest.raises(InputError, match=r"'c' is a classifier.* call predict and feedback"):
            act()
    assert hosted.store.head == head


def test_what_is_not_there_is_not_found(hosted):
    for act in (
        lambda: hosted.start("nobody"),
        lambda: hosted.runs("nobody"),
        lambda: hosted.step("v", "nothing", "x"),
        lambda: hosted.end("v", "nothing", 1.0),
        lambda: hosted.expire("v", "nothing"),
        lambda: hosted.run("v", "nothing"),
    ):
        with pytest.raises(NotFoundError, match=r"nobody|nothing"):
            act()
    with pytest.raises(InputError, match="status is 'gone'"):
        hosted.runs("v", status="gone")


def test_a_name_is_one_learner_of_either_kind(hosted):
    for make in (hosted.create, hosted.create_value):
        for name in ("c", "v"):
            with pytest.raises(InputError, match="choose another name"):
                make(name)
    with pytest.raises(InputError, match="slash"):
        hosted.create_value("a/b")
    assert [info.name for info in hosted.learners()] == ["c", "v"]
    assert isinstance(hosted.learner("v"), ValueInfo)
    hosted.delete("v")
    with pytest.raises(NotFoundError):
        hosted.runs("v")
    hosted.create("v", seed=2)
    assert hosted.predict("v", "x").learner == "v"
    hosted.delete("v")
    assert hosted.create_value("v").runs == 0 and hosted.runs("v") == []


def test_a_deleted_learner_stays_away_and_so_do_its_runs(path):
    with quickstudy.open(path) as deployment:
        deployment.create_value("v", seed=1, wait_seconds=0.01)
        play(deployment, "v", 10)
        deployment.delete("v")
    with quickstudy.open(path) as deployment:
        assert deployment.learners() == []
        expire(deployment)
        deployment.create_value("v", seed=2)
        assert deployment.runs("v") == [] and sound(deployment) == []


def test_two_learners_may_have_runs_of_one_id(hosted):
    hosted.create_value("w", seed=2)
    for name in ("v", "w"):
        hosted.start(name, task=name, id="one")
        hosted.step(name, "one", action=name, number=1)
        hosted.step(name, "one", action=name, number=2)
    assert hosted.step("w", "one", action="w", number=1).step == 1
    hosted.end("v", "one", 1.0)
    assert [s.action for s in hosted.run("w", "one").steps] == ["w", "w"]
    assert hosted.run("w", "one").run.status == "live"


def test_a_prediction_and_a_run_may_have_one_id(hosted, later):
    hosted.predict("c", "x", id="one")
    hosted.start("v", id="one")
    later(86_401.0)
    expire(hosted)
    assert hosted.run("v", "one").run.status == "expired"
    assert [e.type for e in hosted.history("one").events] == ["predicted"]
