"""A start takes the newest snapshot that is whole and of this log, and else goes back further."""

import logging
import shutil

import pytest

import quickstudy
from quickstudy.deploy.decisions.commands import Promote
from quickstudy.deploy.recovery import snapshots
from quickstudy.deploy.recovery.replay import folder_of
from quickstudy.errors import ModelFileError, StoreError
from tests.deploy.promotion.rivals import model, right
from tests.deploy.support import EASY, agrees, sound, train


@pytest.fixture
def lived(path):
    """A store with two snapshots, its state, and its risk control far enough to act."""
    for start in (0, 30):
        with quickstudy.open(path) as desk:
            if not start:
                desk.create("t", **EASY)
            train(desk, "t", 30, start=start)
            state = desk.state_hash("t")
    return path, state


def snapshots_of(path):
    return snapshots.found(folder_of(path.with_name(path.name + ".d"), 1))


def warnings(caplog):
    return [r.message for r in caplog.records if r.levelno >= logging.WARNING]


def state_after_opening(path):
    with quickstudy.open(path) as desk:
        assert agrees(desk, "t")
        assert desk.report("t").acted > 0
        return desk.state_hash("t")


def test_a_start_goes_on_from_the_newest_snapshot(lived, caplog):
    path, state = lived
    assert len(snapshots_of(path)) == snapshots.KEPT
    assert state_after_opening(path) == state and warnings(caplog) == []


@pytest.mark.parametrize("damage", ["cut short", "a flipped bit", "empty", "other content"])
@pytest.mark.parametrize("which", [[-1], [-1, -2]])
def test_damaged_snapshots_are_passed_over(lived, caplog, damage, which):
    path, state = lived
    for i in which:
        file = snapshots_of(path)[i]
        content = bytearray(file.read_bytes())
        content[len(content) // 3] ^= 4
        damaged = {
            "cut short": content[: len(content) // 2],
            "a flipped bit": content,
            "empty": b"",
            "other content": b"not a snapshot at all",
        }
        file.write_bytes(bytes(damaged[damage]))
    assert state_after_opening(path) == state
    assert len(warnings(caplog)) >= len(which) and all(path.name in m for m in warnings(caplog))


def test_without_any_snapshot_the_log_is_enough(lived, caplog):
    path, state = lived
    shutil.rmtree(path.with_name("work.db.d") / "learner-1")
    assert state_after_opening(path) == state


def test_a_snapshot_of_a_future_that_was_taken_back_is_not_taken(path, tmp_path):
    """The store file is put back to what it was, its folder is not."""
    with quickstudy.open(path) as desk:
        desk.create("t", **EASY)
        train(desk, "t", 20)
        past = desk.state_hash("t")
    shutil.copy(path, tmp_path / "past")
    with quickstudy.open(path) as desk:
        train(desk, "t", 20, start=20)
    shutil.copy(tmp_path / "past", path)
    with pytest.raises(StoreError, match="acknowledged"):
        quickstudy.open(path)
    (path.with_name("work.db.d") / "head").unlink()
    with quickstudy.open(path) as desk:
        assert desk.state_hash("t") == past
        for i in range(60):  # it grows past where the other future was
            desk.feedback(learner="t", record={"a": i}, label="another")
        now = desk.state_hash("t")
    snapshots_of(path)[-1].unlink()
    with quickstudy.open(path) as desk:
        assert desk.state_hash("t") == now and sound(desk) == []


def test_each_learner_has_its_own(path):
    with quickstudy.open(path) as desk:
        for i, name in enumerate(("one", "two")):
            desk.create(name, seed=i)
            desk.feedback(learner=name, record={"a": i}, label=name)
        before = [desk.state_hash(name) for name in ("one", "two")]
        desk.delete("one")
    with quickstudy.open(path) as desk:
        assert [info.name for info in desk.learners()] == ["two"]
        assert desk.state_hash("two") == before[1]
        desk.create("one", seed=9)
        assert desk.learner("one").examples == 0
    with quickstudy.open(path) as desk:
        assert desk.learner("one").settings.seed == 9
        assert desk.state_hash("two") == before[1] and sound(desk) == []


def switched(path, *, back):
    """A store whose learner went over to an import, and perhaps back; its state, and its files."""
    with quickstudy.open(path) as desk:
        desk.desk.roles_changed = lambda duty: None
        desk.create("t", **EASY | {"budget_mb": 16})
        train(desk, "t", 12)
        duty = desk.desk.duty("t")
        version = desk.challenge("t", model=model((range(9), right))).id
        request = Promote(duty, version, [], (), True, "", "me")
        desk.writer.submit(request).result()
        train(desk, "t", 6)
        if back:
            desk.rollback("t")
        train(desk, "t", 6)
        return desk.state_hash("t"), folder_of(desk.store.folder, 1), version


def remove(folder, *patterns):
    for pattern in patterns:
        found = list(folder.glob(pattern))
        assert found
        for file in found:
            file.unlink()


def test_without_the_files_of_a_switch_the_log_is_enough(path, caplog):
    """What the champion was when it left is worked out anew, also while it is on duty."""
    state, folder, _ = switched(path, back=False)
    remove(folder, "leaving-*", "coming-*")
    with quickstudy.open(path) as desk:
        assert desk.state_hash("t") == state and warnings(caplog) == []
        desk.desk.roles_changed = lambda duty: None
        desk.rollback("t")
        train(desk, "t", 6)
        assert agrees(desk, "t") and sound(desk) == []
        assert any("leaving-" in text and "from the log" in text for text in warnings(caplog))
    remove(folder, "leaving-*", "coming-*", "snapshot-*")
    with quickstudy.open(path) as desk:
        assert agrees(desk, "t") and sound(desk) == []


def test_an_import_that_is_gone_is_missed_by_name_when_it_is_needed(path, caplog):
    """A snapshot has what it became; without one nothing can tell what it was."""
    state, folder, version = switched(path, back=True)
    remove(folder, "version-*")
    with quickstudy.open(path) as desk:
        assert desk.state_hash("t") == state
        with pytest.raises(ModelFileError, match=f"version-{version}.* is gone"):
            desk.exam("t", version=version)
    remove(folder, "snapshot-*", "coming-*", "leaving-*")
    with quickstudy.open(path) as desk:
        with pytest.raises(StoreError, match=f"out of service.*version-{version}.* is gone"):
            desk.predict("t", {"a": 1})
        assert f"version-{version}" in desk.learner("t").out_of_service
