"""The README keeps its word: the example runs, the files exist, the figures are measured."""

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

from quickstudy.cli.main import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
EXAMPLE, PRINTED = re.search(r"```python\n(.*?)```\n\n```\n(.*?)```", README, re.DOTALL).groups()
COMMANDS = [command.callback.__name__ for command in app.registered_commands]


def test_the_example_prints_what_it_says():
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(EXAMPLE, {})
    assert printed.getvalue() == PRINTED


def test_the_example_has_ten_lines():
    assert len([line for line in EXAMPLE.splitlines() if line and "import" not in line]) <= 10


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_mentioned(command):
    assert f"quickstudy {command}" in README


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(\w+\.py)`", README))))
def test_every_benchmark_named_exists(name):
    assert (ROOT / "benchmarks" / name).exists()


def test_there_are_benchmarks_named():
    assert len(set(re.findall(r"`(\w+\.py)`", README))) >= 5


def test_figures_are_those_of_the_results():
    script = ROOT / "benchmarks" / "headline.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    page = (ROOT / "docs" / "benchmarks.md").read_text("utf-8")
    assert done.stdout in page, "run: python benchmarks/headline.py --write"
    rows = [line for line in README.splitlines() if line.endswith(".py` |")]
    assert len(rows) == 8 and set(rows) <= set(page.splitlines())


@pytest.mark.parametrize("target", re.findall(r"`?make (\w+)`?", README))
def test_make_knows_what_is_to_be_made(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("path", re.findall(r"\]\(([\w./-]+)\)", README))
def test_linked_files_exist(path):
    if path.endswith(".png") and not (ROOT / path).exists():
        pytest.skip(f"{path} is not there yet")
    assert (ROOT / path).exists()
