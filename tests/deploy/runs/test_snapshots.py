"""Snapshots of value learners: whole or passed over, and never of another log."""

import shutil

import pytest

import quickstudy
from quickstudy.deploy.doctor import check_file
from quickstudy.deploy.recovery import snapshots
from quickstudy.deploy.runs.snapshots import read, recover, take, write
from quickstudy.deploy.runs.state import replay
from quickstudy.errors import ModelFileError, StoreError
from tests.deploy.journeys import play
from tests.deploy.support import DAMAGES, sound, spoil, warnings


@pytest.fixture
def lived(path):
    """A store with two snapshots of its value learner, and its state."""
    for seed in (0, 1):
        with quickstudy.open(path) as deployment:
            if not seed:
                deployment.create_value("v", seed=1)
            play(deployment, "v", 40, seed=seed)
            state = deployment.state_hash("v")
    return path, state


def files(path):
    return snapshots.found(path.with_name(path.name + ".d") / "learner-1")


def test_a_start_goes_on_from_the_newest_snapshot(lived, caplog):
    path, state = lived
    assert len(files(path)) == snapshots.KEPT
    with quickstudy.open(path) as deployment:
        assert (
            deployment.state_hash("v") == state
            and sound(deployment) == []
            and warnings(caplog) == []
        )


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("which", [[-1], [-1, -2]])
def test_damaged_snapshots_are_passed_over(lived, caplog, damage, which):
    path, state = lived
    for i in which:
        spoil(files(path)[i], damage, 2)
    checks = {f"v: {files(path)[i].name}" for i in which}
    assert {f.check for f in check_file(path) if not f.ok} == checks
    caplog.clear()
    with quickstudy.open(path) as deployment:
        assert deployment.state_hash("v") == state
        said = play(deployment, "v", 10, seed=2)
        assert len(said) == 10
    assert len(warnings(caplog)) >= len(which) and all(path.name in m for m in warnings(caplog))
    with quickstudy.open(path) as deployment:
        assert [r.status for r in deployment.runs("v", limit=1000)].count("live") == 18


def test_without_any_snapshot_the_log_is_enough(lived):
    path, state = lived
    shutil.rmtree(path.with_name("work.db.d") / "learner-1")
    with quickstudy.open(path) as deployment:
        assert deployment.state_hash("v") == state and sound(deployment) == []


def test_a_snapshot_of_a_future_that_was_taken_back_is_removed(path, tmp_path, caplog):
    with quickstudy.open(path) as deployment:
        deployment.create_value("v", seed=1)
        play(deployment, "v", 20)
        past = deployment.state_hash("v")
    shutil.copy(path, tmp_path / "past")
    with quickstudy.open(path) as deployment:
        play(deployment, "v", 20, seed=1)
    shutil.copy(tmp_path / "past", path)
    (path.with_name("work.db.d") / "head").unlink()
    with quickstudy.open(path) as deployment:
        assert deployment.state_hash("v") == past
        assert len(files(path)) == 1 and any(
            "another" in m or "not made" in m for m in warnings(caplog)
        )
        play(deployment, "v", 60, seed=2)
        assert sound(deployment) == []


def test_what_is_read_back_is_what_was_written(lived):
    path, _ = lived
    with quickstudy.open(path) as deployment:
        play(deployment, "v", 10, seed=3)
        fold = replay(deployment.store, 1, strict=True)
        file = write(deployment.store, 1, take(fold, 0))
        again = read(file, deployment.store.link_at)
        assert (again.hash, again.replayed, again.settings) == (
            fold.hash,
            fold.replayed,
            fold.settings,
        )
        with pytest.raises(StoreError, match="not made from this log"):
            read(file, lambda _: bytes(32))
        before = recover(deployment.store, 1, upto=fold.replayed - 5)
        assert before.hash == replay(deployment.store, 1, strict=True, upto=fold.replayed - 5).hash


def test_a_snapshot_of_a_classifier_is_none_of_a_value_learner(path):
    with quickstudy.open(path) as deployment:
        deployment.create("c", seed=1)
        deployment.feedback(learner="c", record={"a": 1}, label="x", wait_learned=True)
    with quickstudy.open(path) as deployment, pytest.raises(ModelFileError, match="lacks a part"):
        read(files(path)[-1], deployment.store.link_at)


def test_where_no_snapshot_can_be_written_nothing_is_lost(path, caplog):
    folder = path.with_name("work.db.d") / "learner-1"
    with quickstudy.open(path) as deployment:
        deployment.create_value("v", seed=1)
        play(deployment, "v", 20)
        state = deployment.state_hash("v")
        folder.write_text("where the folder should be")
    assert any("no snapshot of learner v" in m for m in warnings(caplog))
    folder.unlink()
    with quickstudy.open(path) as deployment:
        assert deployment.state_hash("v") == state and files(path) == []
