"""quickstudy learn"""

from quickstudy import Classifier


def test_a_model_is_made(model):
    learner = Classifier.load(model)
    assert learner.examples == 120 and set(learner.labels) == {"up", "down"}


def test_two_halves_are_the_whole(run, table, model, tmp_path):
    head, *rows = table.read_text().splitlines()
    for name, part in (("a.csv", rows[:50]), ("b.csv", rows[50:])):
        (tmp_path / name).write_text("\n".join([head, *part]))
        assert run("learn", tmp_path / "twice.qs", tmp_path / name, "--target", "side")[0] == 0
    twice = Classifier.load(tmp_path / "twice.qs")
    assert twice.state_hash() == Classifier.load(model).state_hash()


def test_a_bad_file_leaves_the_model_as_it_was(refused, model, tmp_path):
    before = model.read_bytes()
    (tmp_path / "bad.csv").write_text("height,side\n1,up\n2,\n")
    assert "line 3" in refused("learn", model, tmp_path / "bad.csv", "--target", "side")
    assert model.read_bytes() == before


def test_nothing_is_made_from_a_bad_file(refused, tmp_path):
    (tmp_path / "bad.csv").write_text("")
    refused("learn", tmp_path / "new.qs", tmp_path / "bad.csv", "--target", "side")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.csv"]


def test_a_model_cut_short_is_refused(refused, model, table):
    model.write_bytes(model.read_bytes()[:-100])
    before = model.read_bytes()
    assert model.name in refused("learn", model, table, "--target", "side")
    assert model.read_bytes() == before
