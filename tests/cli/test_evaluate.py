"""quickstudy evaluate"""

import json

import numpy as np
import pytest

KEYS = [
    "examples",
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "kappa",
    "log_loss",
    "first_seen_labels",
    "baselines",
    "first",
    "expected_calibration_error",
    "bits_to_learn",
    "examples_per_second",
    "peak_rss_mb",
    "peers",
]


def test_json_to_standard_output_stands_alone(run, table):
    code, out, err = run("evaluate", table, "--target", "side", "--json", "-")
    figures = json.loads(out)
    assert code == 0 and list(figures) == KEYS
    assert figures["examples"] == 120 and figures["first_seen_labels"] == 2
    assert list(figures["baselines"]) == ["no_change", "majority"]
    assert list(figures["first"]) == ["50", "200", "1000"]
    assert figures["accuracy"] > 0.8 > max(figures["baselines"].values())
    assert "height" in err and "number" in err and "category" in err and "text" in err


def test_a_table_is_shown_and_files_are_written(run, table, tmp_path):
    page, figures = tmp_path / "r.html", tmp_path / "r.json"
    code, out, _ = run("evaluate", table, "--target", "side", "--report", page, "--json", figures)
    assert code == 0 and "balanced_accuracy" in out
    assert json.loads(figures.read_text())["examples"] == 120
    assert page.read_text().startswith("<!doctype html>")


def test_limit_and_delay(run, table):
    _, out, _ = run(
        "evaluate", table, "--target", "side", "--limit", 40, "--delay", 30, "--json", "-"
    )
    figures = json.loads(out)
    assert figures["examples"] == 40
    assert figures["accuracy"] <= 9 / 40  # the first label is there after 31 predictions


def test_peers_have_the_same_keys(run, table):
    _, out, _ = run("evaluate", table, "--target", "side", "--versus", "LightGBM", "--json", "-")
    peer = json.loads(out)["peers"]["lightgbm"]
    assert [*peer, "peers"] == KEYS
    assert peer["baselines"] == json.loads(out)["baselines"]


def test_vectors_are_joined(run, table, tmp_path):
    side = [line.endswith("up") for line in table.read_text().splitlines()[1:]]
    np.save(tmp_path / "v.npy", np.array([[s, 1 - s] for s in side], dtype=np.float16))
    command = ("evaluate", table, "--target", "side", "--vectors", tmp_path / "v.npy")
    code, out, err = run(*command, "--json", "-")
    assert code == 0 and "vector of 2" in err
    assert json.loads(out)["accuracy"] > 0.9


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("height,colour\n1,red\n", "has no column 'side'; its columns are: height, colour"),
        ("height,side\n1,up\n2,up,3\n", "line 3 has 3 cells where the header has 2"),
        ("height,side\n1,up\n2,nan\n", "line 3, column 'side': the label is missing"),
        ("", "is empty"),
        ("\0\1\2\3", "is a binary file"),
    ],
)
def test_bad_files_are_one_clear_line(refused, tmp_path, content, message):
    (tmp_path / "bad.csv").write_text(content)
    before = sorted(tmp_path.iterdir())
    page = tmp_path / "r.html"
    line = refused("evaluate", tmp_path / "bad.csv", "--target", "side", "--report", page)
    assert message in line
    assert sorted(tmp_path.iterdir()) == before


def test_what_cannot_be_done_is_refused_before_any_work(refused, table, tmp_path):
    command = ("evaluate", table, "--target", "side")
    assert "is not known" in refused(*command, "--versus", "crystal.ball")
    assert "cannot be written" in refused(*command, "--json", tmp_path / "none" / "r.json")
    assert "cannot be written" in refused(*command, "--report", tmp_path)
