"""Hosted value learners: runs, steps that are answered once, ends that count once, expiry."""

import threading

import pytest

import quickstudy
from quickstudy.deploy import deployment as deployment_module
from quickstudy.deploy.runs import methods
from quickstudy.errors import InputError, StoreError
from quickstudy.types import Costs
from tests.deploy.journeys import expire, play, replayed
from tests.deploy.support import sound, types, until


def test_a_run_from_its_start_to_its_end(hosted):
    run = hosted.start("v", task="A0")
    assert (run.status, run.task, run.steps, run.value) == ("live", "A0", 0, None)
    said = hosted.step("v", run.id, "where is my card", action="search(card)")
    assert (said.run, said.step) == (run.id, 1) and 0.0 <= said.success_probability <= 1.0
    (now,) = hosted.runs("v")
    assert (now.steps, now.success_probability) == (1, said.success_probability)
    done = hosted.end("v", run.id, 1.0, source="boss")
    assert (done.status, done.outcome, done.success) == ("ended", 1.0, True)
    info = hosted.learner("v")
    assert (info.runs, info.steps, info.open) == (1, 1, 0)
    assert types(hosted, learner="v") == ["created", "run_started", "stepped", "run_ended"]


def test_what_ends_teaches_what_is_to_come(hosted):
    for i in range(12):
        run = hosted.start("v", task="good" if i % 2 else "bad").id
        hosted.step("v", run, action="go")
        hosted.end("v", run, float(i % 2))
    hopes = {
        t: hosted.step("v", hosted.start("v", task=t).id, action="go") for t in ("good", "bad")
    }
    assert hopes["good"].success_probability > 0.5 > hopes["bad"].success_probability


def test_a_run_is_shown_with_every_step_as_it_was_sent_and_answered(hosted):
    said = play(hosted, "v", 40)
    for run in {run for run, _ in said}:
        report = hosted.run("v", run)
        assert [step.number for step in report.steps] == list(range(1, report.run.steps + 1))
        for step in report.steps:
            sent, answer = said[run, step.number]
            assert step.estimate == answer
            assert (step.action, step.error) == (sent["action"], sent["error"])
            assert (step.input, step.reward) == (sent["x"], sent["reward"])


def test_many_runs_mixed_are_replayed_to_the_bit(hosted):
    play(hosted, "v", 150)
    assert replayed(hosted, "v") == hosted.state_hash("v")
    assert sound(hosted) == []


def test_threads_that_step_at_once_leave_one_order(hosted):
    def work(i):
        play(hosted, "v", 25, seed=f"thread {i}", at_once=3)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert hosted.learner("v").steps == 100
    assert replayed(hosted, "v") == hosted.state_hash("v") and sound(hosted) == []


def test_a_step_sent_again_with_its_number_gets_what_was_answered(path):
    with quickstudy.open(path) as deployment:
        deployment.create_value("v", seed=1)
        said = play(deployment, "v", 30)
        state = deployment.state_hash("v")
        for (run, number), (sent, answer) in said.items():
            assert deployment.step("v", run, **sent, number=number) == answer
        assert deployment.state_hash("v") == state and deployment.learner("v").steps == 30
    with quickstudy.open(path) as deployment:
        for (run, number), (sent, answer) in said.items():
            assert deployment.step("v", run, **sent, number=number) == answer
        assert deployment.state_hash("v") == state and deployment.learner("v").steps == 30


@pytest.mark.parametrize(
    "other", [{"x": "other"}, {"action": "b"}, {"error": True}, {"reward": 0.5}]
)
def test_a_number_is_for_one_step(hosted, other):
    run = hosted.start("v").id
    sent = {"x": "a text", "action": "a", "error": False, "reward": 0.0}
    hosted.step("v", run, **sent, number=1)
    hosted.step("v", run, **sent, number=2)
    for number in (1, 2):
        with pytest.raises(InputError, match=f"number {number} .*another content; the next is 3"):
            hosted.step("v", run, **sent | other, number=number)
    for number in (4, 0, -1, True, 1.0):
        with pytest.raises(InputError, match="number is"):
            hosted.step("v", run, **sent, number=number)
    assert hosted.step("v", run, **sent, number=3).step == 3


def test_a_run_that_is_started_again_before_its_first_step_is_the_same(hosted):
    first = hosted.start("v", task="A", id="mine")
    again = hosted.start("v", task="A", id="mine")
    assert again.repeated and (again.id, again.started) == (first.id, first.started)
    with pytest.raises(InputError, match="id 'mine' was used"):
        hosted.start("v", task="B", id="mine")
    hosted.step("v", "mine", action="go")
    with pytest.raises(InputError, match="id 'mine' was used"):
        hosted.start("v", task="A", id="mine")
    assert hosted.learner("v").open == 1 and types(hosted).count("run_started") == 1


def test_an_end_counts_once_and_another_is_refused(hosted):
    run = hosted.start("v").id
    hosted.step("v", run, action="go")
    first = hosted.end("v", run, 1.0)
    state = hosted.state_hash("v")
    again = hosted.end("v", run, 1.0, source="somebody else")
    assert again.repeated and not first.repeated
    assert (again.status, again.updated) == (first.status, first.updated)
    for outcome, success in ((0.0, None), (1.0, False)):
        with pytest.raises(InputError, match=r"outcome is .* on record with 1 and True"):
            hosted.end("v", run, outcome, success=success)
    with pytest.raises(InputError, match="ended: start another"):
        hosted.step("v", run, action="go")
    assert hosted.state_hash("v") == state and types(hosted).count("run_ended") == 1


def test_a_run_without_a_step_in_time_expires_and_its_end_is_late(hosted, later):
    gone, without_step = hosted.start("v", task="A").id, hosted.start("v", task="A").id
    hosted.step("v", gone, action="go")
    later(86_401.0)
    other = hosted.start("v").id
    until(lambda: hosted.run("v", gone).run.status == "expired")
    assert [run.id for run in hosted.runs("v", status="live")] == [other]
    assert {run.id for run in hosted.runs("v", status="expired")} == {gone, without_step}
    state = hosted.state_hash("v")
    late = hosted.end("v", gone, 1.0)
    assert (late.status, late.outcome) == ("late", 1.0)
    assert hosted.state_hash("v") == state and hosted.learner("v").runs == 0
    assert hosted.end("v", gone, 1.0).repeated
    with pytest.raises(InputError, match="on record with 1"):
        hosted.end("v", gone, 0.0)
    with pytest.raises(InputError, match="late: start another"):
        hosted.step("v", gone, action="go")
    logged = [e for e in hosted.events(learner="v") if e.type in ("expired", "run_ended")]
    assert [(e.type, e.actor) for e in logged] == [
        ("expired", "expiry"),
        ("expired", "expiry"),
        ("run_ended", "local"),
    ]
    assert replayed(hosted, "v") == state and sound(hosted) == []


def test_a_run_that_was_stopped_is_closed_and_nothing_is_learned_of_its_outcome(hosted, later):
    play(hosted, "v", 40)
    ended = hosted.learner("v").runs
    hosted.change("v", most_open=len(hosted.runs("v", status="live")) + 1)
    run = hosted.start("v", task="T0").id
    said = hosted.step("v", run, action="go")
    with pytest.raises(InputError, match="most_open"):
        hosted.start("v")
    live = hosted.learner("v").open
    done = hosted.expire("v", run, actor="robot")
    assert (done.status, done.repeated, done.steps, done.outcome) == ("expired", False, 1, None)
    assert done.success_probability == said.success_probability
    assert hosted.run("v", run).run == done and hosted.run("v", run).expired_by == "robot"
    assert (hosted.learner("v").runs, hosted.learner("v").open) == (ended, live - 1)
    assert hosted.value("v").expired == 1
    event = hosted.events(learner="v")[-1]
    assert (event.type, event.actor, event.subject) == ("expired", "robot", run)
    state, head = hosted.state_hash("v"), hosted.store.head
    again = hosted.expire("v", run)
    assert again.repeated and (again.status, again.updated) == ("expired", done.updated)
    later(90_000.0)
    expire(hosted)  # the clock closes the others, and this one no more
    assert hosted.run("v", run).expired_by == "robot" and hosted.value("v").expired == live
    assert [e.subject for e in hosted.events(after=head[0]) if e.subject == run] == []
    assert hosted.end("v", run, 1.0).status == "late" and hosted.learner("v").runs == ended
    assert hosted.state_hash("v") != state  # of the others
    assert replayed(hosted, "v") == hosted.state_hash("v") and sound(hosted) == []


def test_a_run_that_is_closed_stays_closed_after_a_restart(path):
    with quickstudy.open(path) as deployment:
        deployment.create_value("v", seed=1)
        play(deployment, "v", 60)
        for run in deployment.runs("v", status="live")[:2]:
            deployment.expire("v", run.id)
        state, closed = deployment.state_hash("v"), deployment.runs("v", status="expired")
        assert len(closed) == 2 and replayed(deployment, "v") == state
    with quickstudy.open(path) as deployment:
        assert (
            deployment.state_hash("v") == state and deployment.runs("v", status="expired") == closed
        )
        assert deployment.expire("v", closed[0].id).repeated and deployment.state_hash("v") == state
        assert sound(deployment) == []


def test_a_run_that_has_ended_does_not_expire(hosted, later):
    ended, late = hosted.start("v").id, hosted.start("v").id
    hosted.end("v", ended, 1.0)
    hosted.expire("v", late)
    hosted.end("v", late, 0.0)
    before = hosted.state_hash("v"), hosted.store.head
    for run in (ended, late):
        with pytest.raises(InputError, match="has ended"):
            hosted.expire("v", run)
    assert (hosted.state_hash("v"), hosted.store.head) == before
    assert hosted.run("v", ended).expired_by is None
    gone = hosted.start("v").id
    later(86_401.0)
    expire(hosted)
    assert hosted.run("v", gone).expired_by == "expiry" and hosted.expire("v", gone).repeated


def test_a_step_keeps_a_run_from_expiring(hosted, later):
    kept, left = hosted.start("v").id, hosted.start("v").id
    for _ in range(3):
        later(50_000.0)
        hosted.step("v", kept, action="go")
        expire(hosted)
    assert [hosted.run("v", run).run.status for run in (kept, left)] == ["live", "expired"]


def test_another_wait_is_for_runs_under_way_too(hosted, later):
    run = hosted.start("v").id
    hosted.change("v", wait_seconds=10.0)
    later(11.0)
    expire(hosted)
    assert hosted.run("v", run).run.status == "expired"


def test_a_pause_asks_and_stops_nothing(hosted):
    run = hosted.start("v").id

    def now():
        said = hosted.step("v", run, action=f"go({hosted.store.head[0]})")
        return said.advice, said.stop, said.why

    free = now()
    hosted.pause("v", reason="holiday")
    assert [pause.scope for pause in hosted.pauses()] == ["v"]
    assert now() == ("ask", False, "paused by local: holiday")
    assert hosted.runs("v")[0].advice == "ask"
    hosted.resume("v")
    hosted.pause(reason="fire")
    assert now() == ("ask", False, "paused by local: fire")
    hosted.resume()
    (hosted.store.folder / "PAUSE").write_text("by hand")
    assert now() == ("ask", False, "paused by the file PAUSE: by hand")
    (hosted.store.folder / "PAUSE").unlink()
    assert now() == free
    shown = [(s.estimate.advice, s.estimate.why) for s in hosted.run("v", run).steps]
    assert shown[1] == ("ask", "paused by local: holiday") and shown[0] == shown[-1]
    assert replayed(hosted, "v") == hosted.state_hash("v") and sound(hosted) == []


def test_a_step_sent_again_under_a_pause_is_asked_too(hosted):
    run = hosted.start("v").id
    free = hosted.step("v", run, action="go", number=1)
    hosted.pause("v")
    assert hosted.step("v", run, action="go", number=1).advice == "ask"
    hosted.resume("v")
    assert hosted.step("v", run, action="go", number=1) == free


def test_settings_are_changed_from_the_next_step_on(path):
    with quickstudy.open(path) as deployment:
        deployment.create_value("v", seed=1, costs={"step": 0.01})
        play(deployment, "v", 30)
        info = deployment.change("v", costs=Costs(step=0.5), stop_error=0.2)
        assert info.settings.costs == Costs(step=0.5) and info.settings.stop_error == 0.2
        play(deployment, "v", 30, seed=1)
        state = deployment.state_hash("v")
        assert replayed(deployment, "v") == state and sound(deployment) == []
    with quickstudy.open(path) as deployment:
        assert (
            deployment.learner("v").settings == info.settings
            and deployment.state_hash("v") == state
        )


def test_a_report_counts_what_was(hosted):
    said = play(hosted, "v", 60)
    report = hosted.value("v")
    runs = hosted.runs("v", limit=1000)
    assert report.live == sum(r.status == "live" for r in runs) == 6
    assert report.ended == sum(r.status == "ended" for r in runs) == report.learner.runs
    assert report.successes == sum(bool(r.success) for r in runs)
    assert report.learner.steps == len(said) and report.expired == report.late == 0
    assert report.seq == hosted.store.head[0] and report.stopping.error == 0.05


def test_live_runs_are_listed_from_the_worst(hosted):
    play(hosted, "v", 60)
    fresh = hosted.start("v").id
    hopes = [run.success_probability for run in hosted.runs("v", status="live")]
    known = [hope for hope in hopes if hope is not None]
    assert len(known) > 3 and hopes[: len(known)] == sorted(known) and hopes[-1] is None
    assert hosted.runs("v")[0].id == fresh
    assert len(hosted.runs("v", limit=3)) == 3


def test_a_restart_in_the_middle_of_runs_changes_no_bit(path):
    states = []
    with quickstudy.open(path) as deployment:
        deployment.create_value("v", seed=1)
    for seed in range(3):
        with quickstudy.open(path) as deployment:
            play(deployment, "v", 25, seed=seed)
            live = deployment.runs("v", status="live")
            states.append(deployment.state_hash("v"))
            assert replayed(deployment, "v") == states[-1]
        with quickstudy.open(path) as deployment:
            assert deployment.state_hash("v") == states[-1]
            assert deployment.runs("v", status="live") == live
            deployment.step("v", live[0].id, action="go on")
            assert sound(deployment) == []


def test_a_step_that_could_not_be_written_did_not_happen(hosted, monkeypatch):
    """The learner in memory had gone further than the log: it is made anew."""
    play(hosted, "v", 30)
    run = hosted.runs("v", status="live")[0].id
    other = hosted.start("v").id
    state, steps = hosted.state_hash("v"), hosted.run("v", run).run.steps
    insert = quickstudy.log.store.Transaction.insert

    def fail(self):
        insert(self)
        raise OSError("the disk is full")

    for act in (
        lambda: hosted.step("v", run, action="go", number=steps + 1),
        lambda: hosted.end("v", other, 1.0),
        lambda: hosted.start("v", id="new"),
        lambda: hosted.change("v", stop_error=0.3),
        lambda: hosted.create_value("w"),
        lambda: hosted.delete("v"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(quickstudy.log.store.Transaction, "insert", fail)
            with pytest.raises(StoreError, match="nothing was changed"):
                act()
        assert hosted.state_hash("v") == state and replayed(hosted, "v") == state
        assert hosted.learner("v").settings.stop_error == 0.05
    assert hosted.step("v", run, action="go", number=steps + 1).step == steps + 1
    assert hosted.end("v", other, 1.0).status == "ended"
    assert hosted.start("v", id="new").repeated is False
    assert replayed(hosted, "v") == hosted.state_hash("v") and sound(hosted) == []


def test_snapshots_are_written_while_it_works(path, monkeypatch):
    monkeypatch.setattr(methods, "EVENTS_BETWEEN", 40)
    with quickstudy.open(path) as deployment:
        deployment.create_value("v", seed=1)
        play(deployment, "v", 60)
        folder = deployment.store.folder / "learner-1"
        until(lambda: list(folder.glob("snapshot-*.safetensors")))
        state = deployment.state_hash("v")
        assert sound(deployment) == []
    assert 0 < len(list(folder.glob("snapshot-*.safetensors"))) <= 2
    with quickstudy.open(path) as deployment:
        assert deployment.state_hash("v") == state


def test_a_large_snapshot_is_written_more_seldom(path, monkeypatch):
    monkeypatch.setattr(methods, "EVENTS_BETWEEN", 10)
    monkeypatch.setattr(deployment_module, "TICK_SECONDS", 3_600.0)  # nobody else looks
    with quickstudy.open(path) as deployment:
        deployment.create_value("v", seed=1)

        def snapshots(bytes_an_event, seed):
            monkeypatch.setattr(methods, "BYTES_AN_EVENT", bytes_an_event)
            play(deployment, "v", 20, seed=seed)
            deployment._maintain_values()
            return {found.name for found in deployment.store.folder.glob("learner-1/snapshot-*")}

        first = snapshots(1, 0)
        assert first and snapshots(1, 1) == first and snapshots(10**9, 2) != first
        assert sound(deployment) == []


def test_a_backup_has_the_runs(hosted, tmp_path):
    play(hosted, "v", 40)
    hosted.backup(tmp_path / "copy.db")
    with quickstudy.open(tmp_path / "copy.db") as copy:
        assert copy.state_hash("v") == hosted.state_hash("v")
        assert copy.runs("v", limit=1000) == hosted.runs("v", limit=1000)
        assert sound(copy) == []


def test_events_are_told_with_the_learners_name(hosted):
    told = []
    hosted.listen(told.extend)
    run = hosted.start("v", actor="ana").id
    hosted.step("v", run, action="go")
    until(lambda: len(told) == 2)
    assert [(e.type, e.learner, e.subject) for e in told] == [
        ("run_started", "v", run),
        ("stepped", "v", run),
    ]
    assert told[0].actor == "ana" and told[1].payload["estimate"]["step"] == 1
