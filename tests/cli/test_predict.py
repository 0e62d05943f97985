"""quickstudy predict"""

import json


def test_a_line_of_json_for_each_example(run, model, table):
    code, out, _ = run("predict", model, table, "--target", "side")
    said = [json.loads(line) for line in out.splitlines()]
    right = [row.rsplit(",", 1)[1] for row in table.read_text().splitlines()[1:]]
    assert code == 0 and len(said) == 120
    assert all(list(p) == ["label", "confidence", "novelty"] for p in said)
    assert sum(p["label"] == y for p, y in zip(said, right, strict=True)) > 110


def test_a_column_keeps_the_type_it_was_learned_with(run, tmp_path):
    (tmp_path / "learned.csv").write_text("code,y\n" + "A1,a\n07,b\n" * 20)
    (tmp_path / "new.csv").write_text("code\n07\n")
    run("learn", tmp_path / "m.qs", tmp_path / "learned.csv", "--target", "y")
    _, out, _ = run("predict", tmp_path / "m.qs", tmp_path / "new.csv")
    assert json.loads(out)["label"] == "b"


def test_the_column_left_aside_may_be_empty_and_have_any_name(run, tmp_path):
    (tmp_path / "learned.csv").write_text('code;"a, b"\n' + "A1;a\n07;b\n" * 20)
    (tmp_path / "new.csv").write_text('code;"a, b"\n07;\n')
    run("learn", tmp_path / "m.qs", tmp_path / "learned.csv", "--target", "a, b")
    _, out, _ = run("predict", tmp_path / "m.qs", tmp_path / "new.csv", "--target", "a, b")
    assert json.loads(out)["label"] == "b"


def test_examples_of_an_unfamiliar_form_are_named(run, model, table):
    rows = table.read_text().replace("height", "Height", 1)
    table.write_text(rows)
    code, out, err = run("predict", model, table, "--target", "side")
    said = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and {p["confidence"] for p in said} == {0.0}
    assert said[0]["unfamiliar"] == {"missing": ["height"], "unknown": ["Height"], "retyped": []}
    assert "120 of 120 examples have an unfamiliar form" in err and "'height'" in err


def test_answers_can_go_to_a_file(run, model, table, tmp_path):
    code, out, _ = run("predict", model, table, "--limit", 3, "--out", tmp_path / "said.jsonl")
    assert code == 0 and out == ""
    assert len((tmp_path / "said.jsonl").read_text().splitlines()) == 3


def test_predicting_does_not_touch_the_model(run, model, table):
    before = model.read_bytes()
    run("predict", model, table)
    assert model.read_bytes() == before


def test_models_that_cannot_be_read_are_refused(refused, model, table, tmp_path):
    refused("predict", tmp_path / "none.qs", table)
    refused("predict", table, table)
    model.write_bytes(model.read_bytes()[:200])
    assert model.name in refused("predict", model, table, "--out", tmp_path / "said.jsonl")
    assert not (tmp_path / "said.jsonl").exists()
