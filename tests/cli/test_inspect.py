"""quickstudy inspect"""

from safetensors import safe_open
from safetensors.numpy import save_file

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


def test_a_model_of_a_newer_schema_is_refused(refused, model):
    with safe_open(model, framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        header = {**file.metadata(), "quickstudy_schema": "99"}
    save_file(arrays, model, metadata=header)
    assert "schema version 99" in refused("inspect", model)
