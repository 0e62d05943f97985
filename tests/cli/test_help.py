"""Every command is documented, with examples, and help comes at once."""

import re
import subprocess
import sys
import time

import pytest

from quickstudy.cli import app

COMMANDS = [command.callback.__name__ for command in app.registered_commands]


def test_the_verbs():
    assert COMMANDS == ["demo", "evaluate", "learn", "predict", "explain", "inspect"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_examples(run, command):
    code, out, _ = run(command, "--help")
    assert code == 0 and "Examples" in out and f"quickstudy {command}" in out


@pytest.mark.parametrize("command", app.registered_commands, ids=COMMANDS)
def test_every_option_is_explained(run, command):
    _, out, _ = run(command.callback.__name__, "--help")
    for line in out.splitlines():
        if re.match(r"│ \*? *--", line):
            assert len(line.strip("│ ").split("  ")) > 1, line


def test_help_needs_no_heavy_import():
    code = "import sys, quickstudy.cli; print([m for m in HEAVY if m in sys.modules])"
    heavy = "HEAVY = ['scipy', 'sklearn', 'numba', 'matplotlib', 'lightgbm']; "
    done = subprocess.run([sys.executable, "-c", heavy + code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_help_comes_at_once():
    command = [sys.executable, "-m", "quickstudy.cli", "--help"]
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        assert subprocess.run(command, capture_output=True).returncode == 0
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < 2.0
