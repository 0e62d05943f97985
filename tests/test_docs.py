"""What docs/server.md tells people to type does what it says, in the order it is told."""

import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serve.support import until

PAGE = (Path(__file__).parents[1] / "docs" / "server.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w[\w ]*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
PRINTED = re.findall(r"^```python\n.*?^```\n\n```\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def shell(tmp_path):
    """Run lines of a shell that knows the command, with a port of our own; they must succeed."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    command = f'quickstudy() {{ "{sys.executable}" -m quickstudy.cli "$@"; }}\nset -e\n'

    def shell(lines):
        done = subprocess.run(
            ["bash", "-c", command + lines.replace("8321", port)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    shell.port, shell.folder = port, tmp_path
    return shell


@pytest.fixture
def server(shell):
    """The server that the page starts first."""
    command = [sys.executable, "-m", "quickstudy.cli", "serve", "--store", "work.db"]
    process = subprocess.Popen([*command, "--port", shell.port], cwd=shell.folder)
    until(lambda: not socket.socket().connect_ex(("127.0.0.1", int(shell.port))), 30)
    yield process
    process.terminate()
    assert process.wait(30) == 0


def test_the_page_shows_how_to_start():
    assert BLOCKS[0] == ("sh", "quickstudy serve --store work.db\n")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_what_the_page_says_works(shell, server):
    printed = []
    for kind, lines in BLOCKS[1:]:
        if kind == "sh":
            said = shell(lines.replace("curl -s ", "curl -sS --fail-with-body "))
        elif kind == "python":
            said = shell(f"\"{sys.executable}\" - <<'END'\n{lines}END\n")
            printed.append(said)
    assert printed == PRINTED
    assert "chain" in said and "FAILS" not in said


def test_keys_are_made_while_it_is_stopped(shell):
    (lines,) = (lines for kind, lines in BLOCKS if kind == "sh stopped")
    said = shell(lines)
    assert said.count("qs_") == 2 and "admin" in said and "tickets" in said


def test_every_path_of_the_page_is_served():
    from quickstudy.serve.app import create_app

    paths = create_app(object()).openapi()["paths"]
    told = {path for path in re.findall(r"`(?:[A-Z ]+)?(/v1/[^`\s]*|/\w+z|/metrics)`", PAGE)}
    assert len(told) >= 9 and told - {"/v1/keys"} <= set(paths)
