"""quickstudy inspect"""

from quickstudy import Classifier


def test_everything_is_named(run, model):
    code, out, _ = run("inspect", model)
    learner = Classifier.load(model)
    assert code == 0 and learner.state_hash() in out
    for part in ("120", "up", "down", "height", "number", "colour", "experts", "bytes"):
        assert part in out


def test_files_that_are_no_model_are_refused(refused, table, tmp_path):
    assert table.name in refused("inspect", table)
    assert "none.qs" in refused("inspect", tmp_path / "none.qs")
