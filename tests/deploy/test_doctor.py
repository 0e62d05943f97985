"""The doctor finds every kind of damage, and nothing where there is none."""

import sqlite3
from contextlib import closing

import pytest

import quickstudy
from quickstudy import Classifier
from quickstudy.deploy.doctor import check_file
from quickstudy.errors import StoreError
from tests.deploy.support import EASY, alter, copied, failures, record, train


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A store in which there is something of everything."""
    path = tmp_path_factory.mktemp("whole") / "work.db"
    with quickstudy.open(path) as deployment:
        deployment.create("t", **EASY)
        train(deployment, "t", 45)
        deployment.feedback("sent ahead", label="even", source="ana")
        case = deployment.predict("t", {"a": 9}).id
        for i, (source, label) in enumerate([("ana", "x"), ("ben", "y"), ("ana", "z"), ("b", "x")]):
            deployment.feedback(case, label=label, source=source, key=str(i))
        deployment.create_key("ana", "teach")
        deployment.create("gone", seed=1)
        deployment.delete("gone")
    return path


@pytest.fixture
def path(whole, tmp_path):
    return copied(whole, tmp_path / "copy")


def test_a_whole_store_has_no_finding_open_or_closed(path):
    findings = check_file(path)
    assert len(findings) >= 8 and all(f.ok and f.detail for f in findings)
    with quickstudy.open(path) as deployment:
        assert [f.check for f in deployment.doctor()] == [f.check for f in findings]
        deployment.predict("t", record(0))
        assert all(f.ok for f in deployment.doctor())


def test_looking_changes_no_file(path):
    before = {p: p.read_bytes() for p in path.parent.rglob("*") if p.is_file()}
    check_file(path)
    after = {p: p.read_bytes() for p in path.parent.rglob("*") if p.is_file()}
    assert {p.name: after[p] == c for p, c in before.items() if "-shm" not in p.name} == {
        p.name: True for p in before if "-shm" not in p.name
    }


EVENT = "chain of events"
TABLES = "tables"
FOLLOW = "tables follow from the log"


@pytest.mark.parametrize(
    ("statement", "check"),
    [
        ("UPDATE events SET payload = replace(payload, 'even', 'odd!') WHERE seq = 3", EVENT),
        ("UPDATE events SET actor = 'eve' WHERE seq = 3", EVENT),
        ("UPDATE events SET time = time + 1 WHERE seq = 3", EVENT),
        ("UPDATE events SET subject = 'p_x' WHERE seq = 3", EVENT),
        ("UPDATE events SET link = zeroblob(32) WHERE seq = 3", EVENT),
        ("UPDATE events SET salt = zeroblob(16) WHERE seq = 3", EVENT),
        ("DELETE FROM events WHERE seq = 3", EVENT),
        ("UPDATE cases SET status = 'waiting' WHERE seq = 2", TABLES),
        ("UPDATE cases SET truth = 'null' WHERE seq = 2", TABLES),
        ("UPDATE labels_by_source SET source = 'eve' WHERE rowid = 1", TABLES),
        ("UPDATE receipts SET receipt = replace(receipt, 'seq', 'seq ')", TABLES),
        ("UPDATE input_labels SET contested = 1 - contested", TABLES),
        ("UPDATE learners SET tally = replace(tally, '\"cases\":', '\"cases\":1')", TABLES),
        ("UPDATE curve_buckets SET acted = acted + 1", TABLES),
        ("UPDATE annotators SET labels = labels + 1", TABLES),
        ("UPDATE keys SET role = 'manage'", TABLES),
        ("UPDATE keys SET revoked = 1", TABLES),
        ("DELETE FROM cases WHERE seq = 2", FOLLOW),
        ("DELETE FROM learners WHERE name = 'gone'", FOLLOW),
    ],
)
def test_altered_rows_are_found(path, statement, check):
    alter(path, statement)
    assert check in failures(path)


def test_a_secret_that_was_altered_is_found(path):
    alter(path, "UPDATE meta SET value = zeroblob(40) WHERE name = 'secret'")
    with pytest.raises(StoreError, match="secret"):
        quickstudy.open(path)
    assert failures(path) != {}


def test_words_sent_ahead_that_were_altered_are_found(path):
    alter(path, "UPDATE pending_feedback SET case_id = 'another'")
    assert failures(path) != {}


def test_pages_that_do_not_fit_are_found(path):
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT rootpage FROM sqlite_schema WHERE name = 'cases_in_order'"
        page = connection.execute(query).fetchone()[0]
    content = bytearray(path.read_bytes())
    content[(page - 1) * 4096 : page * 4096] = bytes(4096)
    path.write_bytes(bytes(content))
    assert failures(path) != {}


def test_files_that_others_may_read_are_found(path):
    snapshot = next(path.with_name("work.db.d").rglob("snapshot-*"))
    for file in (path, snapshot, snapshot.parent):
        before = file.stat().st_mode
        file.chmod(0o755)
        assert str(file) in failures(path)["files are for their owner alone"]
        file.chmod(before)
    assert failures(path) == {}


def test_a_damaged_snapshot_is_found_and_the_replay_holds_all_the_same(path):
    snapshot = next(path.with_name("work.db.d").rglob("snapshot-*"))
    content = bytearray(snapshot.read_bytes())
    content[len(content) // 2] ^= 1
    snapshot.write_bytes(bytes(content))
    assert list(failures(path)) == [f"t: {snapshot.name}"]


def test_a_lost_anchor_is_found_and_a_lost_end_is_refused(path):
    head = path.with_name("work.db.d") / "head"
    anchor = head.read_bytes()
    head.unlink()
    assert "all that was acknowledged" in failures(path)
    head.write_bytes(anchor)
    head.chmod(0o600)
    assert failures(path) == {}
    alter(path, "DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)")
    with pytest.raises(StoreError, match="acknowledged"):
        check_file(path)


def test_there_is_nothing_to_examine_where_there_is_no_store(tmp_path):
    with pytest.raises(StoreError):
        check_file(tmp_path / "nothing.db")
    assert list(tmp_path.iterdir()) == []


def test_it_may_look_while_others_work(path):
    """A store in use moves on while it is looked at: that is no damage."""
    import threading

    with quickstudy.open(path) as deployment:
        stop = threading.Event()

        def work():
            i = 0
            while not stop.is_set():
                deployment.feedback(
                    deployment.predict("t", record(i)).id, label="even", source=f"s{i % 5}"
                )
                i += 1

        trainer = threading.Thread(target=work)
        trainer.start()
        try:
            findings = [f for _ in range(3) for f in deployment.doctor() if not f.ok]
        finally:
            stop.set()
            trainer.join()
        assert findings == []


def test_a_version_that_is_not_what_its_name_says_is_found(tmp_path):
    path = tmp_path / "work.db"
    with quickstudy.open(path) as deployment:
        deployment.create("t", **EASY)
        train(deployment, "t", 20)
        other = Classifier(budget_mb=16, seed=9)
        other.learn(record(0), "even")
        deployment.challenge("t", model=other.packed())
        assert all(finding.ok for finding in deployment.doctor())
    (kept,) = tmp_path.rglob("version-*")
    other.learn(record(1), "odd")
    kept.write_bytes(other.packed())
    assert list(failures(path)) == ["t: versions"]
    kept.unlink()
    assert "is gone" in failures(path)["t: versions"]
