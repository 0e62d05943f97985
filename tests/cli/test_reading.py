"""What the commands make of files of every kind, and the options on how they are read."""

import json

import pyarrow as pa
import pyarrow.parquet
import pytest

from quickstudy import Classifier
from quickstudy.evaluate.data.table import read_table

OPTIONS = ("separator", "encoding", "decimal", "type", "drop", "target-type", "budget-mb")


@pytest.mark.parametrize("command", ["evaluate", "learn", "predict"])
@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_is_told_with_an_example(run, command, option):
    _, out, _ = run(command, "--help")
    told = " ".join(line.strip("│ ") for line in out.splitlines())
    assert told.count(f"--{option} ") >= 2, "once to name it, once in its example"


def meter(tmp_path, mark, name):
    """Readings in which one of two numbers decides, with a decimal mark of one's own."""
    rows = [((i * 37 % 200) / 10 + 0.05, 800 + i * 13 % 1600) for i in range(400)]
    lines = [f"{a:.2f};{b};{'high' if a > 12 else 'low'}".replace(".", mark) for a, b in rows]
    (path := tmp_path / name).write_text("\n".join(["co;load;level", *lines]) + "\n")
    return path


def test_decimal_commas_are_as_good_as_points(run, tmp_path):
    found = []
    for mark in (".", ","):
        file = meter(tmp_path, mark, "meter.csv")
        _, out, err = run("evaluate", file, "--target", "level", "--json", "-")
        found.append(json.loads(out)["accuracy"])
        assert ("decimal comma" in err) == (mark == ",")
    assert found[0] == found[1] > 0.9


def test_a_learner_taught_with_commas_answers_for_points_and_json(run, tmp_path):
    model = tmp_path / "meter.qs"
    assert run("learn", model, meter(tmp_path, ",", "a.csv"), "--target", "level")[0] == 0
    (tmp_path / "b.jsonl").write_text('{"co": 2.5, "load": 900}\n{"co": 18.5, "load": 900}\n')
    _, out, _ = run("predict", model, tmp_path / "b.jsonl")
    assert [json.loads(line)["label"] for line in out.splitlines()] == ["low", "high"]
    (tmp_path / "c.csv").write_text("load,co,level\n900,18.5,\n900,2.5,\n")
    _, out, _ = run("predict", model, tmp_path / "c.csv", "--target", "level")
    assert [json.loads(line)["label"] for line in out.splitlines()] == ["high", "low"]


def test_labels_of_three_files_are_the_same_three(run, tmp_path):
    model = tmp_path / "m.qs"
    pyarrow.parquet.write_table(
        pa.table({"a": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 3.0]}), tmp_path / "a.parquet"
    )
    (tmp_path / "b.csv").write_text("a,y\n1,1\n2,2\n3,3.0\n")
    (tmp_path / "c.jsonl").write_text('{"a": 1, "y": "1"}\n{"a": 2, "y": 2}\n')
    said = [run("learn", model, tmp_path / f, "--target", "y")[2]
            for f in ("a.parquet", "b.csv", "c.jsonl")]  # fmt: skip
    assert Classifier.load(model).labels == (1, 2, 3)
    assert "note: label '1' is read as 1, as it is known, and 2 more likewise" in said[1]
    _, out, _ = run("predict", model, tmp_path / "b.csv", "--target", "y", "--target-type", "str")
    assert {type(json.loads(line)["label"]) for line in out.splitlines()} == {str}


def test_many_labels_choose_their_budget_before_anything_is_learned(run, refused, tmp_path):
    rows = [f"{i % 140},c{i % 140}" for i in range(280)]
    (file := tmp_path / "codes.csv").write_text("\n".join(["width,code", *rows]) + "\n")
    command = (tmp_path / "m.qs", file, "--target", "code")
    assert "140 labels" in refused("learn", *command, "--budget-mb", 16)
    assert not (tmp_path / "m.qs").exists()
    assert run("learn", *command, "--budget-mb", 20)[0] == 0
    assert Classifier.load(tmp_path / "m.qs").budget_mb == 20
    assert "made with budget_mb=20" in refused("learn", *command, "--budget-mb", 64)
    (more := tmp_path / "more.csv").write_text(
        "width,code\n" + "".join(f"{i},d{i}\n" for i in range(30))
    )
    before = (tmp_path / "m.qs").read_bytes()
    line = refused("learn", tmp_path / "m.qs", more, "--target", "code")
    assert "--budget-mb 22" in line and (tmp_path / "m.qs").read_bytes() == before


def test_more_labels_than_usual_on_the_command_line(run, tmp_path):
    rows = [f"{i % 520},c{i % 520}" for i in range(560)]
    (file := tmp_path / "codes.csv").write_text("\n".join(["width,code", *rows]) + "\n")
    code, _, err = run("evaluate", file, "--target", "code", "--json", "-")
    assert code == 0 and "520 labels need more than 64 MiB: the budget is 82" in err


REFUSED = {
    "--separator": ("a^y\n1^k\n", "has no column 'y'"),
    "--encoding": (b"a,y\n1,caf\xe9\n", "line 2: is not UTF-8 text"),
    "--drop": ('{"a": [{}], "y": "k"}\n', "line 1, column 'a'"),
    "--target-type": ('{"a": 1, "y": 0.5}\n', "line 1, column 'y'"),
    "--budget-mb": (f"a,y\n{'x ' * 2**23}x,k\n", "line 2, column 'a'"),
}


@pytest.mark.parametrize("option", REFUSED)
def test_a_refusal_names_the_option_that_helps(refused, tmp_path, option):
    content, place = REFUSED[option]
    path = tmp_path / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    line = refused("evaluate", path, "--target", "y", "--budget-mb", 16)
    assert place in line and option in line


def test_the_options_help(run, tmp_path):
    (path := tmp_path / "t.csv").write_bytes("a^b^y^id\n1,5^07^café^{}\n".encode("cp1252"))
    model = tmp_path / "m.qs"
    said = run("learn", model, path, "--target", "y", "--separator", "^", "--encoding", "cp1252",
               "--decimal", ",", "--type", "b=category", "--drop", "id")  # fmt: skip
    assert said[0] == 0, said
    learner = Classifier.load(model)
    assert learner.labels == ("café",)
    assert [(f.name, f.type) for f in learner.fields] == [("a", "number"), ("b", "category")]


def test_an_example_that_a_learner_refuses_is_named_by_its_line(run, refused, tmp_path):
    (learned := tmp_path / "a.jsonl").write_text('{"v": [1, 2], "y": "k"}\n' * 5)
    (other := tmp_path / "b.jsonl").write_text('{"v": [1, 2, 3], "y": "k"}\n' * 5)
    model = tmp_path / "m.qs"
    assert run("learn", model, learned, "--target", "y")[0] == 0
    line = refused("predict", model, other, "--target", "y")
    assert "b.jsonl: line 1: field 'v' has 3 numbers; it had 2 before" in line


def test_a_later_file_is_read_in_the_forms_of_the_first(run, tmp_path):
    rows = [
        f"{i % 28 + 1:02d}/{i % 12 + 1:02d}/2024;1,{i:03d};0{i};{'uv'[i % 2]}" for i in range(40)
    ]
    (first := tmp_path / "a.csv").write_text("\n".join(["day;load;code;y", *rows]) + "\n")
    model = tmp_path / "m.qs"
    assert run("learn", model, first, "--target", "y")[0] == 0
    (later := tmp_path / "b.csv").write_text('day,load,code\n03/04/2024,"1,500",7\n')
    learner = Classifier.load(model)
    assert learner.forms == {"day": "day first", "load": ","}
    table = read_table(later, forms=learner.forms)
    assert (table.records[0]["day.month"], table.records[0]["load"]) == (4, 1.5)
    assert table.columns[0].note.startswith("day first, as learned before")
    _, _, err = run("predict", model, later)
    assert "decimal comma" in err and "month first" not in err
    bare = Classifier.load(model)
    bare.forms = {}
    assert bare.state_hash() == learner.state_hash()


def test_a_pattern_that_was_named_is_kept(run, tmp_path):
    (path := tmp_path / "a.csv").write_text("day,n,y\n01/02/2024,1,k\n03/04/2024,2,k\n")
    model = tmp_path / "m.qs"
    pattern = "day=datetime:%d/%m/%Y"
    assert run("learn", model, path, "--target", "y", "--type", pattern)[0] == 0
    assert Classifier.load(model).forms == {"day": "%d/%m/%Y"}
    _, _, err = run("predict", model, path, "--target", "y")
    assert "month first" not in err


WRONG = [
    ("--separator", "||"), ("--separator", ""), ("--encoding", "punycode"), ("--encoding", "hex"),
    ("--decimal", ";"), ("--decimal", ""), ("--type", "a"), ("--type", "a=Number"),
    ("--type", "a=datetime:%d%d"), ("--type", "a=datetime:%Q"), ("--type", "y=number"),
    ("--drop", ""), ("--target-type", "float"), ("--target-type", ""),
]  # fmt: skip


@pytest.mark.parametrize(("option", "value"), WRONG)
def test_an_option_that_cannot_be_meant_is_refused_by_name(refused, tmp_path, option, value):
    (path := tmp_path / "t.csv").write_text("a,y\n1,k\n")
    assert option in refused("learn", tmp_path / "m.qs", path, "--target", "y", option, value)
    assert option in refused("evaluate", path, "--target", "y", option, value)
    assert not (tmp_path / "m.qs").exists()


def test_a_type_given_twice_is_refused(refused, tmp_path):
    (path := tmp_path / "t.csv").write_text("a,y\n1,k\n")
    types = ("--type", "a=number", "--type", "a=text")
    assert "--type a is given as number and as text" in refused(
        "evaluate", path, "--target", "y", *types
    )


def test_a_column_whose_name_has_a_comma_is_left_out_by_the_option_that_is_named(
    run, refused, tmp_path
):
    (path := tmp_path / "t.jsonl").write_text('{"a, b": [{}], "c": 1, "y": "k"}\n' * 3)
    line = refused("evaluate", path, "--target", "y")
    assert "--type 'a, b=ignore'" in line
    assert run("evaluate", path, "--target", "y", "--type", "a, b=ignore")[0] == 0
