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


def test_what_is_no_store_is_refused(refused, tmp_path):
    assert "no store" in refused("doctor", "--store", tmp_path / "none.db")
