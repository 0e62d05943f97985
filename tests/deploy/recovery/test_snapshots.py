"""Snapshots: a fold kept whole, the latest two of them, and what they still need beside them."""

import pytest

from quickstudy.api.settings import Settings
from quickstudy.deploy.hosting.updates import Update
from quickstudy.deploy.recovery import snapshots
from quickstudy.deploy.recovery.replay import ReplayState
from quickstudy.errors import ModelFileError, StoreError
from tests.deploy.support import record, truth

LINK = bytes(range(32))
SETTINGS = Settings(targets=((1, 0.9), (True, 0.8), ("1", 0.7)), seed=3, trusted=("boss",))


def fold_at(seq, n=6):
    fold = ReplayState.new(SETTINGS, 1)
    fold.learn([Update(i + 2, record(i), truth(record(i))) for i in range(n)])
    for _ in range(n):
        decision = fold.control.decide(0.7, 1)
        fold.control.record(decision, False)
    fold.learned = fold.decided = seq
    return fold


def link_at(_):
    return LINK


def names(folder):
    return sorted(p.name.rsplit("-", 1)[0] for p in folder.iterdir())


def test_what_is_read_back_is_what_was_written(tmp_path):
    fold = fold_at(8)
    path = snapshots.write(tmp_path / "learner-1", fold, LINK)
    again = snapshots.read(path, link_at)
    assert again.hash == fold.hash and again.settings == SETTINGS
    assert (again.learned, again.decided, again.epoch) == (8, 8, 0)
    types = [type(label) for label, _ in again.settings.targets]
    assert types == [int, bool, str]
    for each in (fold, again):
        each.learn([Update(9, record(7), "new")])
    assert again.hash == fold.hash


def test_of_another_log_it_is_refused(tmp_path):
    path = snapshots.write(tmp_path / "learner-1", fold_at(8), LINK)
    with pytest.raises(StoreError, match="not made from this log"):
        snapshots.read(path, lambda seq: LINK[::-1])


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.999])
def test_a_flipped_bit_is_noticed(tmp_path, share):
    path = snapshots.write(tmp_path / "learner-1", fold_at(8), LINK)
    content = bytearray(path.read_bytes())
    content[int(share * len(content))] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ModelFileError):
        snapshots.read(path, link_at)


def test_the_latest_two_are_kept(tmp_path):
    for seq in (8, 20, 100, 1_000_000_000_000 - 1):
        snapshots.write(tmp_path, fold_at(seq), LINK)
    kept = [path.name.split("-")[1] for path in snapshots.found(tmp_path)]
    assert [int(number) for number in kept] == [100, 999_999_999_999]


def test_refitted_experts_stay_while_a_kept_snapshot_may_need_them(tmp_path):
    """The one in effect at the older snapshot may take effect after it: its event comes later."""
    for asof in (5, 30, 60, 90):
        (tmp_path / f"refit-{asof:012d}-x.safetensors").write_text("")
    snapshots.write(tmp_path, fold_at(40), LINK)
    snapshots.write(tmp_path, fold_at(70), LINK)
    left = [int(p.name.split("-")[1]) for p in sorted(tmp_path.glob("refit-*"))]
    assert left == [30, 60, 90]


def test_what_a_crash_cut_short_is_swept_away(tmp_path):
    path = snapshots.write(tmp_path, fold_at(8), LINK)
    (tmp_path / f".{path.name}.abc123").write_text("half of it")
    snapshots.sweep(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
