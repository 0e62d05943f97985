"""The deployment as a whole: many at once, full disks, backups, closing in the middle of things."""

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


def held(desk):
    """Keep the writer busy until the returned event is set, so that requests come together."""
    let_go = threading.Event()
    stop = desk.listen(lambda _: let_go.wait(SECONDS))
    desk.submit_predict("t", [{"hold": 1}])
    return let_go, stop


def test_of_many_who_make_a_learner_of_one_name_one_does(desk):
    let_go, stop = held(desk)
    acts = [lambda: desk.create("same", seed=1)] * 12
    release = threading.Timer(0.2, let_go.set)
    release.start()
    errors = at_once(*acts)
    stop()
    assert len(errors) == 11 and all(isinstance(e, InputError) for e in errors)
    assert types(desk).count("created") == 2 and sound(desk) == []


def test_a_learner_that_many_delete_at_once_takes_no_lesson_of_others_with_it(desk):
    desk.create("gone", seed=1)
    let_go, stop = held(desk)
    teach = [
        lambda i=i: desk.feedback(learner="t", record=record(i), label=truth(record(i)))
        for i in range(6)
    ]
    threading.Timer(0.2, let_go.set).start()
    errors = at_once(*[lambda: desk.delete("gone")] * 6, *teach)
    stop()
    assert len(errors) == 5 and learned(desk, "t") == 6
    assert types(desk).count("deleted") == 1
    assert agrees(desk, "t")


def test_what_many_say_at_once_counts_once_each(desk):
    """Each case is labelled by one of eight threads, and each label is sent three times."""
    ids = [a.id for a in desk.predict_many("t", [record(i) for i in range(80)])]

    def say(part):
        for i in part:
            for _ in range(3):
                desk.feedback(ids[i], label=truth(record(i)), source="ana", key=f"k{i}")
                desk.predict("t", record(i))

    assert at_once(*[lambda p=p: say(range(p, 80, 8)) for p in range(8)]) == []
    report = desk.report("t")
    assert learned(desk, "t") == 80 == report.labels_used
    assert report.cases == 80 + 240 and report.waiting == 240
    assert types(desk, limit=1000).count("feedback") == 80
    assert agrees(desk, "t") and sound(desk) == []


def test_answers_are_on_disk_and_say_how_far_they_had_learned(desk):
    receipt = desk.feedback(learner="t", record=record(0), label="even", wait_learned=True)
    desk.predict("t", record(0))
    assert desk.events(after=receipt.seq)[0].payload["seen"] >= receipt.seq


def test_when_the_disk_is_full_nothing_happened_and_the_next_goes_on(path):
    """SQLite is told that the file may not grow: every commit fails until it is told otherwise."""
    with quickstudy.open(path) as desk:
        desk.create("t", seed=1)
        case = desk.predict("t", record(0)).id
        desk.flush()
        raw = desk.store._writing.connection.driver_connection
        before = desk.state_hash("t"), desk.report("t"), desk.events()
        (pages,) = raw.execute("PRAGMA page_count").fetchone()
        raw.execute(f"PRAGMA max_page_count={pages}")
        big = [{"text": "x" * 5000, "n": i} for i in range(20)]
        with pytest.raises(StoreError, match="nothing was changed"):
            desk.predict_many("t", big)
        items = [Feedback(learner="t", record=x, label=f"new {x['n']}") for x in big]
        with pytest.raises(StoreError, match="nothing was changed"):
            desk.feedback_many([Feedback(case, label="even"), *items])
        assert (desk.state_hash("t"), desk.report("t"), desk.events()) == before
        raw.execute("PRAGMA max_page_count=1000000")
        receipt = desk.feedback(case, label="even", source="ana")
        assert (receipt.status, receipt.counted) == ("accepted", True)
        assert len(desk.predict_many("t", big)) == 20
        assert learned(desk, "t") == 1 and agrees(desk, "t")
        assert sound(desk) == []


def test_one_process_has_the_store(path):
    with quickstudy.open(path), pytest.raises(StoreError, match="this process already"):
        quickstudy.open(path)
    quickstudy.open(path).close()


def test_a_backup_goes_on_from_where_it_was_taken(path, tmp_path):
    copy = tmp_path / "backup.db"
    with quickstudy.open(path) as desk:
        desk.create("t", seed=1)
        case = desk.predict("t", record(0)).id
        desk.feedback(case, label="even", source="ana")
        key, secret = desk.create_key("ana", "teach")
        state, seen = desk.state_hash("t"), desk.events()
        desk.backup(copy)
        with pytest.raises(InputError, match="there already"):
            desk.backup(copy)
        desk.feedback(learner="t", record=record(1), label="odd")
    with quickstudy.open(copy) as desk:
        assert desk.state_hash("t") == state and desk.events() == seen
        assert desk.find_key(secret) == key and sound(desk) == []
        assert desk.feedback(case, label="even", source="ana").status == "repeated"


def test_a_backup_may_be_taken_while_others_work(path, tmp_path):
    with quickstudy.open(path) as desk:
        desk.create("t", seed=1)

        def work():
            for i in range(60):
                desk.feedback(learner="t", record=record(i), label=truth(record(i)))

        def save():
            for i in range(3):
                desk.backup(tmp_path / f"copy{i}.db")

        assert at_once(work, work, save) == []
    for i in range(3):
        with quickstudy.open(tmp_path / f"copy{i}.db") as desk:
            assert agrees(desk, "t") and sound(desk) == []


def iter_events(desk):
    """All events of a store."""
    after = 0
    while events := desk.events(after=after, limit=1000):
        yield from events
        after = events[-1].seq


def test_closing_in_the_middle_of_things_loses_nothing_that_was_acknowledged(path):
    desk = quickstudy.open(path)
    desk.create("t", seed=1)
    said = []

    def work(name):
        for i in range(1000):
            said.append(desk.feedback(learner="t", record=record(i), label="x", key=f"{name} {i}"))

    workers = [threading.Thread(target=pytest.raises, args=(StoreError, work, n)) for n in "abc"]
    for worker in workers:
        worker.start()
    while len(said) < 30:
        pass
    at_once(desk.close, desk.close)
    for worker in workers:
        worker.join(SECONDS)
    with quickstudy.open(path) as desk:
        events = list(iter_events(desk))
        assert {r.seq for r in said} <= {e.seq for e in events}
        assert learned(desk, "t") == [e.type for e in events].count("feedback")
        assert agrees(desk, "t")


def test_a_store_that_cannot_be_opened_leaves_no_thread_behind(path):
    import shutil
    import sqlite3
    from contextlib import closing

    with quickstudy.open(path) as desk:
        for name in ("one", "two"):
            desk.create(name, seed=1)
            desk.feedback(learner=name, record=record(0), label="x")
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
    with quickstudy.open(path, actor="ana") as desk:
        desk.create("t", seed=1)
        desk.predict("t", record(0), actor="ben")
        desk.change("t", wait_seconds=5.0, actor="cyd")
        desk.delete("t", actor="dan")
        assert [e.actor for e in desk.events()] == ["ana", "ben", "cyd", "dan"]
