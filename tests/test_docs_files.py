"""What docs/files.md tells people to type does what it says, and it names every option."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from quickstudy.evaluate.data.missing import MISSING
from quickstudy.evaluate.data.options import ReadOptions
from quickstudy.evaluate.data.table import read_table

PAGE = (Path(__file__).parents[1] / "docs" / "files.md").read_text("utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def shell(lines, folder):
    command = f'quickstudy() {{ "{sys.executable}" -m quickstudy.cli "$@"; }}\nset -e\n'
    done = subprocess.run(
        ["bash", "-c", command + lines], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout + done.stderr


def test_the_table_that_the_page_begins_with(tmp_path):
    said = shell(BLOCKS[0], tmp_path)
    for word in ("decimal comma", "an index", "missing: - (1)", "no values"):
        assert word in said
    table = read_table(tmp_path / "meter.csv", "level")
    assert table.records[0] == {"co": 3.5, "load": 1200.5} and len(table.left_out) == 3


def test_nested_cases_are_learned_predicted_and_explained(tmp_path):
    said = shell(BLOCKS[1], tmp_path)
    assert "who.country" in said and "tags.card" in said and '"label": "lost"' in said


def test_every_option_and_every_word_for_missing_is_named():
    for option in ("separator", "encoding", "decimal", "type", "drop", "target-type", "budget-mb"):
        assert f"`--{option}`" in PAGE
    for word in ("?", "-", "NA", "N/A", "NaN", "null", "None", "<NA>", "\\N", "#N/A"):
        assert word in MISSING and f"`{word}`" in PAGE


@pytest.mark.parametrize("cell", re.findall(r"`([^`]+)`", re.search(r"numbers in one.*", PAGE)[0]))
def test_the_notations_on_the_page_are_read(tmp_path, cell):
    (path := tmp_path / "t.csv").write_text(f'x|y\n"{cell}"|k\n', "utf-8")
    value = read_table(path, "y", options=ReadOptions(separator="|")).records[0]["x"]
    assert isinstance(value, int | float)


@pytest.mark.parametrize(
    "cell", re.findall(r"`([^`]*\d[^`]*)`", re.search(r"\| dates.*?\|", PAGE)[0])
)
def test_the_dates_on_the_page_are_read(tmp_path, cell):
    (path := tmp_path / "t.csv").write_text(f'x|y\n"{cell}"|k\n', "utf-8")
    assert all(name.startswith("x.") for name in read_table(path, "y").records[0])
