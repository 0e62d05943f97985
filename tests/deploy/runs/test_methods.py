"""Value learners on duty: runs, steps that are answered once, ends that count once, the clock."""

import threading
import time

import pytest

import quickstudy
from quickstudy.api.runs import ValueInfo
from quickstudy.deploy import deployment
from quickstudy.deploy.runs import methods
from quickstudy.errors import InputError, NotFoundError, RecordError, SettingError, StoreError
from quickstudy.types import Costs
from tests.deploy.journeys import expire, play, replayed
from tests.deploy.support import sound, types, until


@pytest.fixture
def duty(path):
    """An open deployment with a value learner `v` and a classifier `c`."""
    with quickstudy.open(path) as desk:
        desk.create("c", seed=1)
        desk.create_value("v", seed=1)
        yield desk


def test_a_run_from_its_start_to_its_end(duty):
    run = duty.start("v", task="A0")
    assert (run.status, run.task, run.steps, run.value) == ("live", "A0", 0, None)
    said = duty.step("v", run.id, "where is my card", action="search(card)")
    assert (said.run, said.step) == (run.id, 1) and 0.0 <= said.success_probability <= 1.0
    (now,) = duty.runs("v")
    assert (now.steps, now.success_probability) == (1, said.success_probability)
    done = duty.end("v", run.id, 1.0, source="boss")
    assert (done.status, done.outcome, done.success) == ("ended", 1.0, True)
    info = duty.learner("v")
    assert (info.runs, info.steps, info.open) == (1, 1, 0)
    assert types(duty, learner="v") == ["created", "run_started", "stepped", "run_ended"]


def test_what_ends_teaches_what_is_to_come(duty):
    for i in range(12):
        run = duty.start("v", task="good" if i % 2 else "bad").id
        duty.step("v", run, action="go")
        duty.end("v", run, float(i % 2))
    hopes = {t: duty.step("v", duty.start("v", task=t).id, action="go") for t in ("good", "bad")}
    assert hopes["good"].success_probability > 0.5 > hopes["bad"].success_probability


def test_a_run_is_shown_with_every_step_as_it_was_sent_and_answered(duty):
    said = play(duty, "v", 40)
    for run in {run for run, _ in said}:
        report = duty.run("v", run)
        assert [step.number for step in report.steps] == list(range(1, report.run.steps + 1))
        for step in report.steps:
            sent, answer = said[run, step.number]
            assert step.estimate == answer
            assert (step.action, step.error) == (sent["action"], sent["error"])
            assert (step.input, step.reward) == (sent["x"], sent["reward"])


def test_many_runs_mixed_are_replayed_to_the_bit(duty):
    play(duty, "v", 150)
    assert replayed(duty, "v") == duty.state_hash("v")
    assert sound(duty) == []


def test_threads_that_step_at_once_leave_one_order(duty):
    def work(i):
        play(duty, "v", 25, seed=f"thread {i}", at_once=3)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert duty.learner("v").steps == 100
    assert replayed(duty, "v") == duty.state_hash("v") and sound(duty) == []


def test_a_step_sent_again_with_its_number_gets_what_was_answered(path):
    with quickstudy.open(path) as desk:
        desk.create_value("v", seed=1)
        said = play(desk, "v", 30)
        state = desk.state_hash("v")
        for (run, number), (sent, answer) in said.items():
            assert desk.step("v", run, **sent, number=number) == answer
        assert desk.state_hash("v") == state and desk.learner("v").steps == 30
    with quickstudy.open(path) as desk:
        for (run, number), (sent, answer) in said.items():
            assert desk.step("v", run, **sent, number=number) == answer
        assert desk.state_hash("v") == state and desk.learner("v").steps == 30


@pytest.mark.parametrize(
    "other", [{"x": "other"}, {"action": "b"}, {"error": True}, {"reward": 0.5}]
)
def test_a_number_is_for_one_step(duty, other):
    run = duty.start("v").id
    sent = {"x": "a text", "action": "a", "error": False, "reward": 0.0}
    duty.step("v", run, **sent, number=1)
    duty.step("v", run, **sent, number=2)
    for number in (1, 2):
        with pytest.raises(InputError, match=f"number {number} .*another content; the next is 3"):
            duty.step("v", run, **sent | other, number=number)
    for number in (4, 0, -1, True, 1.0):
        with pytest.raises(InputError, match="number is"):
            duty.step("v", run, **sent, number=number)
    assert duty.step("v", run, **sent, number=3).step == 3


def test_a_run_that_is_started_again_before_its_first_step_is_the_same(duty):
    first = duty.start("v", task="A", id="mine")
    again = duty.start("v", task="A", id="mine")
    assert again.repeated and (again.id, again.started) == (first.id, first.started)
    with pytest.raises(InputError, match="id 'mine' was used"):
        duty.start("v", task="B", id="mine")
    duty.step("v", "mine", action="go")
    with pytest.raises(InputError, match="id 'mine' was used"):
        duty.start("v", task="A", id="mine")
    assert duty.learner("v").open == 1 and types(duty).count("run_started") == 1


def test_an_end_counts_once_and_another_is_refused(duty):
    run = duty.start("v").id
    duty.step("v", run, action="go")
    first = duty.end("v", run, 1.0)
    state = duty.state_hash("v")
    again = duty.end("v", run, 1.0, source="somebody else")
    assert again.repeated and not first.repeated
    assert (again.status, again.updated) == (first.status, first.updated)
    for outcome, success in ((0.0, None), (1.0, False)):
        with pytest.raises(InputError, match=r"outcome is .* on record with 1 and True"):
            duty.end("v", run, outcome, success=success)
    with pytest.raises(InputError, match="ended: start another"):
        duty.step("v", run, action="go")
    assert duty.state_hash("v") == state and types(duty).count("run_ended") == 1


@pytest.fixture
def later(monkeypatch):
    """Lets time pass, for the clock of the deployment."""
    passed, now = [0.0], time.time
    monkeypatch.setattr(time, "time", lambda: now() + passed[0])

    def pass_by(seconds):
        passed[0] += seconds

    return pass_by


def test_a_run_without_a_step_in_time_expires_and_its_end_is_late(duty, later):
    gone, without_step = duty.start("v", task="A").id, duty.start("v", task="A").id
    duty.step("v", gone, action="go")
    later(86_401.0)
    other = duty.start("v").id
    until(lambda: duty.run("v", gone).run.status == "expired")
    assert [run.id for run in duty.runs("v", status="live")] == [other]
    assert {run.id for run in duty.runs("v", status="expired")} == {gone, without_step}
    state = duty.state_hash("v")
    late = duty.end("v", gone, 1.0)
    assert (late.status, late.outcome) == ("late", 1.0)
    assert duty.state_hash("v") == state and duty.learner("v").runs == 0
    assert duty.end("v", gone, 1.0).repeated
    with pytest.raises(InputError, match="on record with 1"):
        duty.end("v", gone, 0.0)
    with pytest.raises(InputError, match="late: start another"):
        duty.step("v", gone, action="go")
    logged = [e for e in duty.events(learner="v") if e.type in ("expired", "run_ended")]
    assert [(e.type, e.actor) for e in logged] == [
        ("expired", "clock"),
        ("expired", "clock"),
        ("run_ended", "local"),
    ]
    assert replayed(duty, "v") == state and sound(duty) == []


def test_a_run_that_was_stopped_is_closed_and_nothing_is_learned_of_its_outcome(duty, later):
    play(duty, "v", 40)
    ended = duty.learner("v").runs
    duty.change("v", most_open=len(duty.runs("v", status="live")) + 1)
    run = duty.start("v", task="T0").id
    said = duty.step("v", run, action="go")
    with pytest.raises(InputError, match="most_open"):
        duty.start("v")
    live = duty.learner("v").open
    done = duty.expire("v", run, actor="robot")
    assert (done.status, done.repeated, done.steps, done.outcome) == ("expired", False, 1, None)
    assert done.success_probability == said.success_probability
    assert duty.run("v", run).run == done and duty.run("v", run).expired_by == "robot"
    assert (duty.learner("v").runs, duty.learner("v").open) == (ended, live - 1)
    assert duty.value("v").expired == 1
    event = duty.events(learner="v")[-1]
    assert (event.type, event.actor, event.subject) == ("expired", "robot", run)
    state, head = duty.state_hash("v"), duty.store.head
    again = duty.expire("v", run)
    assert again.repeated and (again.status, again.updated) == ("expired", done.updated)
    later(90_000.0)
    expire(duty)  # the clock closes the others, and this one no more
    assert duty.run("v", run).expired_by == "robot" and duty.value("v").expired == live
    assert [e.subject for e in duty.events(after=head[0]) if e.subject == run] == []
    assert duty.end("v", run, 1.0).status == "late" and duty.learner("v").runs == ended
    assert duty.state_hash("v") != state  # of the others
    assert replayed(duty, "v") == duty.state_hash("v") and sound(duty) == []


def test_a_run_that_is_closed_stays_closed_after_a_restart(path):
    with quickstudy.open(path) as desk:
        desk.create_value("v", seed=1)
        play(desk, "v", 60)
        for run in desk.runs("v", status="live")[:2]:
            desk.expire("v", run.id)
        state, closed = desk.state_hash("v"), desk.runs("v", status="expired")
        assert len(closed) == 2 and replayed(desk, "v") == state
    with quickstudy.open(path) as desk:
        assert desk.state_hash("v") == state and desk.runs("v", status="expired") == closed
        assert desk.expire("v", closed[0].id).repeated and desk.state_hash("v") == state
        assert sound(desk) == []


def test_a_run_that_has_ended_does_not_expire(duty, later):
    ended, late = duty.start("v").id, duty.start("v").id
    duty.end("v", ended, 1.0)
    duty.expire("v", late)
    duty.end("v", late, 0.0)
    before = duty.state_hash("v"), duty.store.head
    for run in (ended, late):
        with pytest.raises(InputError, match="has ended"):
            duty.expire("v", run)
    assert (duty.state_hash("v"), duty.store.head) == before
    assert duty.run("v", ended).expired_by is None
    gone = duty.start("v").id
    later(86_401.0)
    expire(duty)
    assert duty.run("v", gone).expired_by == "clock" and duty.expire("v", gone).repeated


def test_a_step_keeps_a_run_from_expiring(duty, later):
    kept, left = duty.start("v").id, duty.start("v").id
    for _ in range(3):
        later(50_000.0)
        duty.step("v", kept, action="go")
        expire(duty)
    assert [duty.run("v", run).run.status for run in (kept, left)] == ["live", "expired"]


def test_another_wait_is_for_runs_under_way_too(duty, later):
    run = duty.start("v").id
    duty.change("v", wait_seconds=10.0)
    later(11.0)
    expire(duty)
    assert duty.run("v", run).run.status == "expired"


def test_a_pause_asks_and_stops_nothing(duty):
    run = duty.start("v").id

    def now():
        said = duty.step("v", run, action=f"go({duty.store.head[0]})")
        return said.advice, said.stop, said.why

    free = now()
    duty.pause("v", reason="holiday")
    assert [pause.scope for pause in duty.pauses()] == ["v"]
    assert now() == ("ask", False, "paused by local: holiday")
    assert duty.runs("v")[0].advice == "ask"
    duty.resume("v")
    duty.pause(reason="fire")
    assert now() == ("ask", False, "paused by local: fire")
    duty.resume()
    (duty.store.folder / "PAUSE").write_text("by hand")
    assert now() == ("ask", False, "paused by the file PAUSE: by hand")
    (duty.store.folder / "PAUSE").unlink()
    assert now() == free
    shown = [(s.estimate.advice, s.estimate.why) for s in duty.run("v", run).steps]
    assert shown[1] == ("ask", "paused by local: holiday") and shown[0] == shown[-1]
    assert replayed(duty, "v") == duty.state_hash("v") and sound(duty) == []


def test_a_step_sent_again_under_a_pause_is_asked_too(duty):
    run = duty.start("v").id
    free = duty.step("v", run, action="go", number=1)
    duty.pause("v")
    assert duty.step("v", run, action="go", number=1).advice == "ask"
    duty.resume("v")
    assert duty.step("v", run, action="go", number=1) == free


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
def test_a_step_that_cannot_be_read_changes_nothing_and_names_the_field(duty, sent, kind, says):
    run = duty.start("v").id
    duty.step("v", run, {"a": 1.0}, action="go")
    before = duty.state_hash("v"), duty.store.head
    with pytest.raises(kind, match=says):
        duty.step("v", run, **sent)
    assert (duty.state_hash("v"), duty.store.head) == before
    assert duty.step("v", run, {"a": 2.0}, action="go").step == 2


BAD_ENDS = [
    ({"outcome": float("nan")}, "outcome is nan"),
    ({"outcome": "1"}, "outcome is '1'"),
    ({"outcome": 1.5}, r"outcome is 1.5; it must be in \[0, 1\]"),
    ({"outcome": 1.0, "success": 1}, "success is 1"),
    ({"outcome": 1.0, "source": ""}, "source"),
]


@pytest.mark.parametrize(("sent", "says"), BAD_ENDS)
def test_an_end_that_cannot_be_one_changes_nothing(duty, sent, says):
    run = duty.start("v").id
    before = duty.state_hash("v"), duty.store.head
    with pytest.raises(InputError, match=says):
        duty.end("v", run, **sent)
    assert (duty.state_hash("v"), duty.store.head) == before
    assert duty.end("v", run, 1.0).status == "ended"


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
def test_a_run_that_cannot_be_one_is_not_started(duty, sent, says):
    before = duty.store.head
    with pytest.raises(InputError, match=says):
        duty.start("v", **sent)
    assert duty.store.head == before


def test_no_more_runs_than_may_be_open(duty):
    duty.change("v", most_open=2)
    first, _ = duty.start("v").id, duty.start("v").id
    with pytest.raises(InputError, match="most_open is 2"):
        duty.start("v")
    duty.end("v", first, 0.0)
    duty.start("v")


def test_who_calls_the_wrong_kind_of_learner_is_told_what_to_call(duty):
    run = duty.start("v").id
    head = duty.store.head
    for act in (
        lambda: duty.predict("v", "x"),
        lambda: duty.feedback(learner="v", record="x", label="y"),
        lambda: duty.report("v"),
        lambda: duty.asks("v"),
        lambda: duty.cases("v"),
        lambda: duty.versions("v"),
        lambda: duty.gate("v"),
        lambda: duty.exam("v"),
        lambda: duty.pin("v", record="x", label="y"),
        lambda: duty.limits("v"),
        lambda: duty.autonomy("v"),
        lambda: duty.sources("v"),
        lambda: duty.challenge("v"),
    ):
        with pytest.raises(InputError, match=r"'v' is a value learner.* call start, step, end"):
            act()
    for act in (
        lambda: duty.start("c"),
        lambda: duty.step("c", run, "x"),
        lambda: duty.end("c", run, 1.0),
        lambda: duty.expire("c", run),
        lambda: duty.runs("c"),
        lambda: duty.run("c", run),
        lambda: duty.value("c"),
    ):
        with pytest.raises(InputError, match=r"'c' is a classifier.* call predict and feedback"):
            act()
    assert duty.store.head == head


def test_what_is_not_there_is_not_found(duty):
    for act in (
        lambda: duty.start("nobody"),
        lambda: duty.runs("nobody"),
        lambda: duty.step("v", "nothing", "x"),
        lambda: duty.end("v", "nothing", 1.0),
        lambda: duty.expire("v", "nothing"),
        lambda: duty.run("v", "nothing"),
    ):
        with pytest.raises(NotFoundError, match=r"nobody|nothing"):
            act()
    with pytest.raises(InputError, match="status is 'gone'"):
        duty.runs("v", status="gone")


def test_a_name_is_one_learner_of_either_kind(duty):
    for make in (duty.create, duty.create_value):
        for name in ("c", "v"):
            with pytest.raises(InputError, match="choose another name"):
                make(name)
    with pytest.raises(InputError, match="slash"):
        duty.create_value("a/b")
    assert [info.name for info in duty.learners()] == ["c", "v"]
    assert isinstance(duty.learner("v"), ValueInfo)
    duty.delete("v")
    with pytest.raises(NotFoundError):
        duty.runs("v")
    duty.create("v", seed=2)
    assert duty.predict("v", "x").learner == "v"
    duty.delete("v")
    assert duty.create_value("v").runs == 0 and duty.runs("v") == []


def test_a_deleted_learner_stays_away_and_so_do_its_runs(path):
    with quickstudy.open(path) as desk:
        desk.create_value("v", seed=1, wait_seconds=0.01)
        play(desk, "v", 10)
        desk.delete("v")
    with quickstudy.open(path) as desk:
        assert desk.learners() == []
        expire(desk)
        desk.create_value("v", seed=2)
        assert desk.runs("v") == [] and sound(desk) == []


def test_two_learners_may_have_runs_of_one_id(duty):
    duty.create_value("w", seed=2)
    for name in ("v", "w"):
        duty.start(name, task=name, id="one")
        duty.step(name, "one", action=name, number=1)
        duty.step(name, "one", action=name, number=2)
    assert duty.step("w", "one", action="w", number=1).step == 1
    duty.end("v", "one", 1.0)
    assert [s.action for s in duty.run("w", "one").steps] == ["w", "w"]
    assert duty.run("w", "one").run.status == "live"


def test_a_prediction_and_a_run_may_have_one_id(duty, later):
    duty.predict("c", "x", id="one")
    duty.start("v", id="one")
    later(86_401.0)
    expire(duty)
    assert duty.run("v", "one").run.status == "expired"
    assert [e.type for e in duty.history("one").events] == ["predicted"]


def test_settings_are_changed_from_the_next_step_on(path):
    with quickstudy.open(path) as desk:
        desk.create_value("v", seed=1, costs={"step": 0.01})
        play(desk, "v", 30)
        info = desk.change("v", costs=Costs(step=0.5), stop_error=0.2)
        assert info.settings.costs == Costs(step=0.5) and info.settings.stop_error == 0.2
        play(desk, "v", 30, seed=1)
        state = desk.state_hash("v")
        assert replayed(desk, "v") == state and sound(desk) == []
    with quickstudy.open(path) as desk:
        assert desk.learner("v").settings == info.settings and desk.state_hash("v") == state


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"success": 0.5}, "success cannot be changed"),
        ({"stop_error": 0.0}, "stop_error"),
        ({"costs": {"steps": 1}}, "costs"),
        ({"most_open": 0}, "most_open"),
    ],
)
def test_settings_that_are_none_change_nothing(duty, settings, says):
    before = duty.state_hash("v"), duty.store.head, duty.learner("v")
    with pytest.raises(SettingError, match=says):
        duty.change("v", **settings)
    assert (duty.state_hash("v"), duty.store.head, duty.learner("v")) == before


def test_a_report_counts_what_was(duty):
    said = play(duty, "v", 60)
    report = duty.value("v")
    runs = duty.runs("v", limit=1000)
    assert report.live == sum(r.status == "live" for r in runs) == 6
    assert report.ended == sum(r.status == "ended" for r in runs) == report.learner.runs
    assert report.successes == sum(bool(r.success) for r in runs)
    assert report.learner.steps == len(said) and report.expired == report.late == 0
    assert report.seq == duty.store.head[0] and report.stopping.error == 0.05


def test_live_runs_are_listed_from_the_worst(duty):
    play(duty, "v", 60)
    fresh = duty.start("v").id
    hopes = [run.success_probability for run in duty.runs("v", status="live")]
    known = [hope for hope in hopes if hope is not None]
    assert len(known) > 3 and hopes[: len(known)] == sorted(known) and hopes[-1] is None
    assert duty.runs("v")[0].id == fresh
    assert len(duty.runs("v", limit=3)) == 3


def test_a_restart_in_the_middle_of_runs_changes_no_bit(path):
    states = []
    with quickstudy.open(path) as desk:
        desk.create_value("v", seed=1)
    for seed in range(3):
        with quickstudy.open(path) as desk:
            play(desk, "v", 25, seed=seed)
            live = desk.runs("v", status="live")
            states.append(desk.state_hash("v"))
            assert replayed(desk, "v") == states[-1]
        with quickstudy.open(path) as desk:
            assert desk.state_hash("v") == states[-1]
            assert desk.runs("v", status="live") == live
            desk.step("v", live[0].id, action="go on")
            assert sound(desk) == []


def test_a_step_that_could_not_be_written_did_not_happen(duty, monkeypatch):
    """The learner in memory had gone further than the log: it is made anew."""
    play(duty, "v", 30)
    run = duty.runs("v", status="live")[0].id
    other = duty.start("v").id
    state, steps = duty.state_hash("v"), duty.run("v", run).run.steps
    insert = quickstudy.log.store.Transaction.insert

    def fail(self):
        insert(self)
        raise OSError("the disk is full")

    for act in (
        lambda: duty.step("v", run, action="go", number=steps + 1),
        lambda: duty.end("v", other, 1.0),
        lambda: duty.start("v", id="new"),
        lambda: duty.change("v", stop_error=0.3),
        lambda: duty.create_value("w"),
        lambda: duty.delete("v"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(quickstudy.log.store.Transaction, "insert", fail)
            with pytest.raises(StoreError, match="nothing was changed"):
                act()
        assert duty.state_hash("v") == state and replayed(duty, "v") == state
        assert duty.learner("v").settings.stop_error == 0.05
    assert duty.step("v", run, action="go", number=steps + 1).step == steps + 1
    assert duty.end("v", other, 1.0).status == "ended"
    assert duty.start("v", id="new").repeated is False
    assert replayed(duty, "v") == duty.state_hash("v") and sound(duty) == []


def test_snapshots_are_written_while_it_works(path, monkeypatch):
    monkeypatch.setattr(methods, "EVENTS_BETWEEN", 40)
    with quickstudy.open(path) as desk:
        desk.create_value("v", seed=1)
        play(desk, "v", 60)
        folder = desk.store.folder / "learner-1"
        until(lambda: list(folder.glob("snapshot-*.safetensors")))
        state = desk.state_hash("v")
        assert sound(desk) == []
    assert 0 < len(list(folder.glob("snapshot-*.safetensors"))) <= 2
    with quickstudy.open(path) as desk:
        assert desk.state_hash("v") == state


def test_a_large_snapshot_is_written_more_seldom(path, monkeypatch):
    monkeypatch.setattr(methods, "EVENTS_BETWEEN", 10)
    monkeypatch.setattr(deployment, "TICK_SECONDS", 3_600.0)  # nobody else looks
    with quickstudy.open(path) as desk:
        desk.create_value("v", seed=1)

        def snapshots(bytes_an_event, seed):
            monkeypatch.setattr(methods, "BYTES_AN_EVENT", bytes_an_event)
            play(desk, "v", 20, seed=seed)
            desk._look_after_values()
            return {found.name for found in desk.store.folder.glob("learner-1/snapshot-*")}

        first = snapshots(1, 0)
        assert first and snapshots(1, 1) == first and snapshots(10**9, 2) != first
        assert sound(desk) == []


def test_a_backup_has_the_runs(duty, tmp_path):
    play(duty, "v", 40)
    duty.backup(tmp_path / "copy.db")
    with quickstudy.open(tmp_path / "copy.db") as copy:
        assert copy.state_hash("v") == duty.state_hash("v")
        assert copy.runs("v", limit=1000) == duty.runs("v", limit=1000)
        assert sound(copy) == []


def test_events_are_told_with_the_learners_name(duty):
    told = []
    duty.listen(told.extend)
    run = duty.start("v", actor="ana").id
    duty.step("v", run, action="go")
    until(lambda: len(told) == 2)
    assert [(e.type, e.learner, e.subject) for e in told] == [
        ("run_started", "v", run),
        ("stepped", "v", run),
    ]
    assert told[0].actor == "ana" and told[1].payload["estimate"]["step"] == 1
