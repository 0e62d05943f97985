"""quickstudy doctor"""

import sqlite3

import pytest

import quickstudy


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "work.db"
    with quickstudy.open(path) as deployment:
        deployment.create("cards", budget_mb=16)
        for i in range(5):
            answer = deployment.predict("cards", f"where is card {i}")
            deployment.feedback(answer.id, label="card")
    return path


def test_a_sound_store_passes(run, store):
    code, out, _ = run("doctor", "--store", store)
    assert code == 0 and "chain" in out and "FAILS" not in out


def test_a_changed_byte_is_found(run, store):
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE events SET payload = replace(payload, 'card 3', 'card 4')")
    connection.close()
    code, out, _ = run("doctor", "--store", store)
    assert code == 1 and "FAILS" in out


def test_tables_that_are_not_as_the_log_says_are_made_again(run, store):
    with sqlite3.connect(store) as connection:
        connection.execute("DELETE FROM labels_by_source")
        connection.execute("UPDATE cases SET acted = 1")
    connection.close()
    code, out, _ = run("doctor", "--store", store)
    assert code == 1 and "FAILS" in out
    code, out, _ = run("doctor", "--store", store, "--rebuild")
    assert code == 1 and "made from the log again" in out
    kept = store.with_name("work.db.before-rebuild")
    with sqlite3.connect(kept) as connection:
        assert connection.execute("SELECT count(*) FROM labels_by_source").fetchone() == (0,)
    connection.close()
    code, out, _ = run("doctor", "--store", store, "--rebuild")
    assert code == 0 and "again" not in out


def test_a_damaged_log_makes_no_tables(run, store):
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE events SET payload = replace(payload, 'card 3', 'card 4')")
        connection.execute("DELETE FROM labels_by_source")
    connection.close()
    code, out, _ = run("doctor", "--store", store, "--rebuild")
    assert code == 1 and "again" not in out
    assert not store.with_name("work.db.before-rebuild").exists()


def test_what_is_no_store_is_refused(refused, tmp_path):
    assert "no store" in refused("doctor", "--store", tmp_path / "none.db")
