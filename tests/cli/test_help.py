"""Every command is documented, with examples, and help comes at once."""

import re
import subprocess
import sys
import time

import pytest

from quickstudy.cli.main import app


def commands_of(group):
    return group.typer_instance.registered_commands


COMMANDS = [command.callback.__name__ for command in app.registered_commands]
GROUPED = [
    f"{group.typer_instance.info.name} {command.name}"
    for group in app.registered_groups
    for command in commands_of(group)
]
ALL = [*COMMANDS, *GROUPED]


def test_the_verbs():
    learn = ["demo", "evaluate", "learn", "predict", "explain", "inspect"]
    assert [*learn, "serve", "backup", "doctor", "pause", "resume"] == COMMANDS
    assert GROUPED == ["keys create", "keys list", "keys revoke", "pins import"]


@pytest.mark.parametrize("command", ALL)
def test_every_command_has_examples(run, command):
    code, out, _ = run(*command.split(), "--help")
    assert code == 0 and "Examples" in out and f"quickstudy {command}" in out


@pytest.mark.parametrize("command", ALL)
def test_every_option_is_explained(run, command):
    _, out, _ = run(*command.split(), "--help")
    for line in out.splitlines():
        if re.match(r"│ \*? *--", line):
            assert len(line.strip("│ ").split("  ")) > 1, line


def test_help_needs_no_heavy_import():
    code = "import sys, quickstudy.cli.main; print([m for m in HEAVY if m in sys.modules])"
    heavy = (
        "HEAVY = ['scipy', 'sklearn', 'numba', 'matplotlib', 'lightgbm', 'fastapi', 'uvicorn']; "
    )
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
