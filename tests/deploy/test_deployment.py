"""The deployment as a whole: many at once, full disks, backups, closing in the middle of things."""

import itertools
import threading

import pytest

import quickstudy
from quickstudy import Feedback
from quickstudy.errors import InputError, QuickstudyError, StoreError
from tests.deploy.support import SECONDS, agrees, learned, record, sound, truth, types


def at_once(*acts):
    """Do these in threads of their own; the errors that came of it."""
    errors, ready = [], threading.Barrier(len(acts))

    def one(act):
        ready.wait(SECONDS)
        try:
            act()
        except QuickstudyError as error:
            errors.append(error)

    threads = [threading.Thread(target=one, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
        assert not thread.is_alive()
    return errors


def held(deployment):
    """Keep the writer busy until the returned event is set, so that requests come together."""
    let_go = threading.Event()
    stop = deployment.listen(lambda _: let_go.wait(SECONDS))
    deployment.submit_predict("t", [{"hold": 1}])
    return let_go, stop


def test_of_many_who_make_a_learner_of_one_name_one_does(deployment):
    let_go, stop = held(deployment)
    acts = [lambda: deployment.create("same", seed=1)] * 12
    release = threading.Timer(0.2, let_go.set)
    release.start()
    errors = at_once(*acts)
    stop()
    assert len(errors) == 11 and all(isinstance(e, InputError) for e in errors)
    assert types(deployment).count("created") == 2 and sound(deployment) == []


def test_a_learner_that_many_delete_at_once_takes_no_lesson_of_others_with_it(deployment):
    deployment.create("gone", seed=1)
    let_go, stop = held(deployment)
    teach = [
        lambda i=i: deployment.feedback(learner="t", record=record(i), label=truth(record(i)))
        for i in range(6)
    ]
    threading.Timer(0.2, let_go.set).start()
    errors = at_once(*[lambda: deployment.delete("gone")] * 6, *teach)
    stop()
    assert len(errors) == 5 and learned(deployment, "t") == 6
    assert types(deployment).count("deleted") == 1
    assert agrees(deployment, "t")


def test_what_many_say_at_once_counts_once_each(deployment):
    """Each case is labelled by one of eight threads, and each label is sent three times."""
    ids = [a.id for a in deployment.predict_many("t", [record(i) for i in range(80)])]

    def say(part):
        for i in part:
            for _ in range(3):
                deployment.feedback(ids[i], label=truth(record(i)), source="ana", key=f"k{i}")
                deployment.predict("t", record(i))

    assert at_once(*[lambda p=p: say(range(p, 80, 8)) for p in range(8)]) == []
    report = deployment.report("t")
    assert learned(deployment, "t") == 80 == report.labels_used
    assert report.cases == 80 + 240 and report.waiting == 240
    assert types(deployment, limit=1000).count("feedback") == 80
    assert agrees(deployment, "t") and sound(deployment) == []


def test_answers_are_on_disk_and_say_how_far_they_had_learned(deployment):
    receipt = deployment.feedback(learner="t", record=record(0), label="even", wait_learned=True)
    deployment.predict("t", record(0))
    assert deployment.events(after=receipt.seq)[0].payload["seen"] >= receipt.seq


def test_when_the_disk_is_full_nothing_happened_and_the_next_goes_on(path):
    """SQLite is told that the file may not grow: every commit fails until it is told otherwise."""
    with quickstudy.open(path) as deployment:
        deployment.create("t", seed=1)
        case = deployment.predict("t", record(0)).id
        deployment.flush()
        raw = deployment.store._writing.connection.driver_connection
        before = deployment.state_hash("t"), deployment.report("t"), deployment.events()
        (pages,) = raw.execute("PRAGMA page_count").fetchone()
        raw.execute(f"PRAGMA max_page_count={pages}")
        big = [{"text": "x" * 5000, "n": i} for i in range(20)]
        with pytest.raises(StoreError, match="nothing was changed"):
            deployment.predict_many("t", big)
        items = [Feedback(learner="t", record=x, label=f"new {x['n']}") for x in big]
        with pytest.raises(StoreError, match="nothing was changed"):
            deployment.feedback_many([Feedback(case, label="even"), *items])
        assert (deployment.state_hash("t"), deployment.report("t"), deployment.events()) == before
        raw.execute("PRAGMA max_page_count=1000000")
        receipt = deployment.feedback(case, label="even", source="ana")
        assert (receipt.status, receipt.counted) == ("accepted", True)
        assert len(deployment.predict_many("t", big)) == 20
        assert learned(deployment, "t") == 1 and agrees(deployment, "t")
        assert sound(deployment) == []


def test_one_process_has_the_store(path):
    with quickstudy.open(path), pytest.raises(StoreError, match="this process already"):
        quickstudy.open(path)
    quickstudy.open(path).close()


def test_a_backup_goes_on_from_where_it_was_taken(path, tmp_path):
    copy = tmp_path / "backup.db"
    with quickstudy.open(path) as deployment:
        deployment.create("t", seed=1)
        case = deployment.predict("t", record(0)).id
        deployment.feedback(case, label="even", source="ana")
        key, secret = deployment.create_key("ana", "teach")
        state, seen = deployment.state_hash("t"), deployment.events()
        deployment.backup(copy)
        with pytest.raises(InputError, match="there already"):
            deployment.backup(copy)
        deployment.feedback(learner="t", record=record(1), label="odd")
    with quickstudy.open(copy) as deployment:
        assert deployment.state_hash("t") == state and deployment.events() == seen
        assert deployment.find_key(secret) == key and sound(deployment) == []
        assert deployment.feedback(case, label="even", source="ana").status == "repeated"


def test_a_backup_may_be_taken_while_others_work(path, tmp_path):
    with quickstudy.open(path) as deployment:
        deployment.create("t", seed=1)

        def work():
            for i in range(60):
                deployment.feedback(learner="t", record=record(i), label=truth(record(i)))

        def save():
            for i in range(3):
                deployment.backup(tmp_path / f"copy{i}.db")

        assert at_once(work, work, save) == []
    for i in range(3):
        with quickstudy.open(tmp_path / f"copy{i}.db") as deployment:
            assert agrees(deployment, "t") and sound(deployment) == []


def iter_events(deployment):
    """All events of a store."""
    after = 0
    while events := deployment.events(after=after, limit=1000):
        yield from events
        after = events[-1].seq


def test_closing_in_the_middle_of_things_loses_nothing_that_was_acknowledged(path):
    deployment = quickstudy.open(path)
    deployment.create("t", seed=1)
    said = []

    def work(name):
        for i in itertools.count():  # until the deployment is closed
            said.append(
                deployment.feedback(learner="t", record=record(i), label="x", key=f"{name} {i}")
            )

    trainers = [threading.Thread(target=pytest.raises, args=(StoreError, work, n)) for n in "abc"]
    for trainer in trainers:
        trainer.start()
    while len(said) < 30:
        pass
    at_once(deployment.close, deployment.close)
    for trainer in trainers:
        trainer.join(SECONDS)
    with quickstudy.open(path) as deployment:
        events = list(iter_events(deployment))
        assert {r.seq for r in said} <= {e.seq for e in events}
        assert learned(deployment, "t") == [e.type for e in events].count("feedback")
        assert agrees(deployment, "t")


def test_a_store_that_cannot_be_opened_leaves_no_thread_behind(path):
    import shutil
    import sqlite3
    from contextlib import closing

    with quickstudy.open(path) as deployment:
        for name in ("one", "two"):
            deployment.create(name, seed=1)
            deployment.feedback(learner=name, record=record(0), label="x")
    shutil.rmtree(path.with_name("work.db.d") / "learner-2")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE events SET actor = 'eve' WHERE learner = 2")
    before = threading.active_count()
    with pytest.raises(StoreError, match="damaged"):
        quickstudy.open(path)
    assert threading.active_count() == before
    with pytest.raises(StoreError, match="damaged"):
        quickstudy.open(path)


@pytest.mark.parametrize("actor", ["", "x" * 129, "\n"])
def test_an_actor_is_somebody(path, actor):
    with pytest.raises(InputError, match="actor"):
        quickstudy.open(path, actor=actor)


def test_who_did_it_is_on_record(path):
    with quickstudy.open(path, actor="ana") as deployment:
        deployment.create("t", seed=1)
        deployment.predict("t", record(0), actor="ben")
        deployment.change("t", wait_seconds=5.0, actor="cyd")
        deployment.delete("t", actor="dan")
        assert [e.actor for e in deployment.events()] == ["ana", "ben", "cyd", "dan"]
