"""A start takes the newest snapshot that is whole and of this log, and else goes back further."""

import shutil

import pytest

import quickstudy
from quickstudy.deploy.recovery import snapshots
from quickstudy.deploy.recovery.files import folder_of
from quickstudy.deploy.versions.commands import Promote
from quickstudy.errors import ModelFileError, StoreError
from tests.deploy.promotion.rivals import model, right
from tests.deploy.support import DAMAGES, EASY, agrees, sound, spoil, train, warnings


@pytest.fixture
def lived(path):
    """A store with two snapshots, its state, and its risk control far enough to act."""
    for start in (0, 30):
        with quickstudy.open(path) as deployment:
            if not start:
                deployment.create("t", **EASY)
            train(deployment, "t", 30, start=start)
            state = deployment.state_hash("t")
    return path, state


def snapshots_of(path):
    return snapshots.found(folder_of(path.with_name(path.name + ".d"), 1))


def state_after_opening(path):
    with quickstudy.open(path) as deployment:
        assert agrees(deployment, "t")
        assert deployment.report("t").acted > 0
        return deployment.state_hash("t")


def test_a_start_goes_on_from_the_newest_snapshot(lived, caplog):
    path, state = lived
    assert len(snapshots_of(path)) == snapshots.KEPT
    assert state_after_opening(path) == state and warnings(caplog) == []


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("which", [[-1], [-1, -2]])
def test_damaged_snapshots_are_passed_over(lived, caplog, damage, which):
    path, state = lived
    for i in which:
        spoil(snapshots_of(path)[i], damage, 3)
    assert state_after_opening(path) == state
    assert len(warnings(caplog)) >= len(which) and all(path.name in m for m in warnings(caplog))


def test_without_any_snapshot_the_log_is_enough(lived, caplog):
    path, state = lived
    shutil.rmtree(path.with_name("work.db.d") / "learner-1")
    assert state_after_opening(path) == state


def test_a_snapshot_of_a_future_that_was_taken_back_is_not_taken(path, tmp_path):
    """The store file is put back to what it was, its folder is not."""
    with quickstudy.open(path) as deployment:
        deployment.create("t", **EASY)
        train(deployment, "t", 20)
        past = deployment.state_hash("t")
    shutil.copy(path, tmp_path / "past")
    with quickstudy.open(path) as deployment:
        train(deployment, "t", 20, start=20)
    shutil.copy(tmp_path / "past", path)
    with pytest.raises(StoreError, match="acknowledged"):
        quickstudy.open(path)
    (path.with_name("work.db.d") / "head").unlink()
    with quickstudy.open(path) as deployment:
        assert deployment.state_hash("t") == past
        for i in range(60):  # it grows past where the other future was
            deployment.feedback(learner="t", record={"a": i}, label="another")
        now = deployment.state_hash("t")
    snapshots_of(path)[-1].unlink()
    with quickstudy.open(path) as deployment:
        assert deployment.state_hash("t") == now and sound(deployment) == []


def test_each_learner_has_its_own(path):
    with quickstudy.open(path) as deployment:
        for i, name in enumerate(("one", "two")):
            deployment.create(name, seed=i)
            deployment.feedback(learner=name, record={"a": i}, label=name)
        before = [deployment.state_hash(name) for name in ("one", "two")]
        deployment.delete("one")
    with quickstudy.open(path) as deployment:
        assert [info.name for info in deployment.learners()] == ["two"]
        assert deployment.state_hash("two") == before[1]
        deployment.create("one", seed=9)
        assert deployment.learner("one").examples == 0
    with quickstudy.open(path) as deployment:
        assert deployment.learner("one").settings.seed == 9
        assert deployment.state_hash("two") == before[1] and sound(deployment) == []


def switched(path, *, back):
    """A store whose learner went over to an import, and perhaps back; its state, and its files."""
    with quickstudy.open(path) as deployment:
        deployment.classifiers.roles_changed = lambda hosted: None
        deployment.create("t", **EASY | {"budget_mb": 16})
        train(deployment, "t", 12)
        hosted = deployment.classifiers.by_name["t"]
        version = deployment.challenge("t", model=model((range(9), right))).id
        request = Promote(hosted, version, [], (), True, "", "me")
        deployment.writer.submit(request).result()
        train(deployment, "t", 6)
        if back:
            deployment.rollback("t")
        train(deployment, "t", 6)
        return deployment.state_hash("t"), folder_of(deployment.store.folder, 1), version


def remove(folder, *patterns):
    for pattern in patterns:
        found = list(folder.glob(pattern))
        assert found
        for file in found:
            file.unlink()


def test_without_the_files_of_a_switch_the_log_is_enough(path, caplog):
    """The champion as it left is rebuilt, also while it is hosted."""
    state, folder, _ = switched(path, back=False)
    remove(folder, "leaving-*", "coming-*")
    with quickstudy.open(path) as deployment:
        assert deployment.state_hash("t") == state and warnings(caplog) == []
        deployment.classifiers.roles_changed = lambda hosted: None
        deployment.rollback("t")
        train(deployment, "t", 6)
        assert agrees(deployment, "t") and sound(deployment) == []
        assert any("leaving-" in text and "from the log" in text for text in warnings(caplog))
    remove(folder, "leaving-*", "coming-*", "snapshot-*")
    with quickstudy.open(path) as deployment:
        assert agrees(deployment, "t") and sound(deployment) == []


def test_an_import_that_is_gone_is_missed_by_name_when_it_is_needed(path, caplog):
    """A snapshot has what it became; without one nothing can tell what it was."""
    state, folder, version = switched(path, back=True)
    remove(folder, "version-*")
    with quickstudy.open(path) as deployment:
        assert deployment.state_hash("t") == state
        with pytest.raises(ModelFileError, match=f"version-{version}.* is gone"):
            deployment.exam("t", version=version)
    remove(folder, "snapshot-*", "coming-*", "leaving-*")
    with quickstudy.open(path) as deployment:
        with pytest.raises(StoreError, match=f"out of service.*version-{version}.* is gone"):
            deployment.predict("t", {"a": 1})
        assert f"version-{version}" in deployment.learner("t").out_of_service
