"""What docs/runs.md tells people to type does what it says, in the order it is told."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "runs.md").read_text("utf-8")
BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```$(?:\n\n^```\n(?P<printed>.*?)^```$)?", re.DOTALL | re.MULTILINE
)
BLOCKS = [(found["code"], found["printed"] or "") for found in BLOCK.finditer(PAGE)]
COMMANDS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where a reader would be: with the traces of an agent, and nothing else."""
    folder = tmp_path_factory.mktemp("runs")
    shutil.copy(ROOT / "tests" / "adapters" / "data" / "otlp_spans.jsonl", folder / "spans.jsonl")
    return folder


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_block_prints_what_the_page_says(number, folder):
    code, printed = BLOCKS[number]
    if '.load("airline.qs")' in code and not (folder / "airline.qs").exists():
        subprocess.run([sys.executable, "-c", BLOCKS[0][0]], cwd=folder, check=True)
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == printed


def test_there_is_much_to_type():
    assert len(BLOCKS) >= 8 and sum(bool(printed) for _, printed in BLOCKS) >= 7


def test_the_start_has_ten_lines():
    lines = BLOCKS[0][0].splitlines()
    assert len([line for line in lines if line and "import" not in line]) <= 10


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_there(command):
    program, script, *_ = shlex.split(command)
    assert program == "python" and (ROOT / script).exists()  # run by test_examples


def test_the_picture_is_the_one_that_the_page_makes(folder):
    made, kept = folder / "run.png", ROOT / "docs" / "run.png"
    if not made.exists():
        pytest.skip("its block did not run")
    assert kept.read_bytes().startswith(b"\x89PNG") and len(kept.read_bytes()) < 200_000
    assert abs(len(made.read_bytes()) - len(kept.read_bytes())) < 0.3 * len(kept.read_bytes())


def test_links_lead_somewhere():
    for target, anchor in re.findall(r"\]\(([\w./-]+)(?:#([\w-]+))?\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.*)$", (ROOT / "docs" / target).read_text("utf-8"), re.M)
            slugs = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
            assert anchor in slugs, anchor
