"""quickstudy pause | resume"""

import pytest

import quickstudy
from tests.serve.support import running


@pytest.fixture
def store(tmp_path):
    """A store with two learners."""
    path = tmp_path / "work.db"
    with quickstudy.open(path) as deployment:
        for name in ("cards", "bills"):
            deployment.create(name, budget_mb=16)
    return path


def test_a_file_pauses_all_within_one_request_and_its_removal_ends_that(run, store):
    with quickstudy.open(store) as deployment:
        assert deployment.pauses() == []
        code, _, said = run("pause", "--store", store, "--reason", "the prices are wrong")
        file = store.with_name("work.db.d") / "PAUSE"
        assert code == 0 and str(file) in said
        assert file.read_text() == "the prices are wrong" and file.stat().st_mode & 0o777 == 0o600
        assert "the prices are wrong" in deployment.predict("cards", "hello").limit
        (pause,) = deployment.pauses()
        assert (pause.scope, pause.by, pause.reason) == ("", "file", "the prices are wrong")
        run("pause", "--store", store)
        assert file.read_text() == ""
        assert run("resume", "--store", store)[0] == 0 and not file.exists()
        assert deployment.pauses() == []
        assert deployment.predict("cards", "hello").limit == ""
        assert "there was no" in run("resume", "--store", store)[2]


def test_a_server_is_told(run, store, monkeypatch):
    with quickstudy.open(store) as deployment:
        _, secret = deployment.create_key("boss", "manage")
        with running(deployment) as url:
            run("pause", "--url", url, "--key", secret, "--learner", "cards", "--reason", "why")
            (pause,) = deployment.pauses()
            assert (pause.scope, pause.by, pause.reason) == ("cards", "boss", "why")
            monkeypatch.setenv("QUICKSTUDY_KEY", secret)
            assert run("pause", "--url", url)[0] == 0 and len(deployment.pauses()) == 2
            assert run("resume", "--url", url, "--learner", "cards")[0] == 0
            assert run("resume", "--url", url)[0] == 0 and deployment.pauses() == []


def test_what_the_file_pauses_the_server_does_not_resume(run, refused, store):
    run("pause", "--store", store)
    with quickstudy.open(store) as deployment, running(deployment) as url:
        assert "PAUSE" in refused("resume", "--url", url)


def test_what_cannot_be_paused_is_refused(refused, store, tmp_path):
    for command in ("pause", "resume"):
        assert "--url" in refused(command) and "--url" in refused(
            command, "--store", "a", "--url", "b"
        )
        assert "no store" in refused(command, "--store", tmp_path / "none.db")
        assert "--url" in refused(command, "--store", store, "--learner", "cards")
        assert "http://" in refused(command, "--url", "localhost:8321")
    assert not store.with_name("work.db.d").joinpath("PAUSE").exists()
