"""Child processes: what they run with, what they carry, and that none outlives its parent."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from quickstudy.deploy.hosting.child import NICE, THREADS, Child
from tests.deploy.support import until

ROOT = Path(__file__).parents[2]
ECHO = """
import json, os, sys
from quickstudy.deploy.hosting.child import connect

connection = connect()
print("a library's words")
while True:
    message = connection.recv_bytes()
    if message == b"about":
        facts = [sys.argv[2:], os.getpriority(os.PRIO_PROCESS, 0), os.getsid(0) == os.getpid()]
        facts += [sorted(os.sched_getaffinity(0)), dict(os.environ)]
        message = json.dumps(facts).encode()
    connection.send_bytes(message)
"""
UNGUARDED = """
import os, signal, sys, time
import quickstudy

print("this script runs", flush=True)
store = quickstudy.open(sys.argv[1])
store.create("t", seed=1)
for i in range(10):
    store.feedback(learner="t", record={"v": [float(i % 3), 1.0], "n": i % 4}, label=i % 3)
while "refitted" not in [event.type for event in store.events()]:
    time.sleep(0.02)
print(store.supervisor._refits._child.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def environment(*paths):
    found = [*map(str, paths), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(found)}


@pytest.fixture
def echo(tmp_path, monkeypatch):
    (tmp_path / "echo.py").write_text(ECHO)
    monkeypatch.setenv("PYTHONPATH", environment(tmp_path)["PYTHONPATH"])
    child = Child("echo", "one", "two")
    yield child
    child.close()


def asked(child, message):
    child.connection.send_bytes(message)
    return child.connection.recv_bytes()


def test_messages_of_any_size_come_back_as_they_were(echo):
    for size in (0, 1, 16_384, 16_385, 20_000_000):
        message = os.urandom(size)
        assert asked(echo, message) == message


def test_it_gives_way_to_answers_and_computes_on_one_thread(echo):
    arguments, nice, alone, cores, variables = json.loads(asked(echo, b"about"))
    assert arguments == ["one", "two"] and alone
    assert nice == min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICE)
    assert cores == list(range(os.cpu_count()))
    assert {name: variables[name] for name in THREADS} == dict.fromkeys(THREADS, "1")


def test_what_a_process_that_ended_is_told_is_an_error_and_no_wait(echo):
    assert asked(echo, b"x") == b"x" and echo.alive
    echo.kill()
    with pytest.raises((OSError, EOFError)):
        echo.connection.recv_bytes()
    with pytest.raises(OSError):
        for _ in range(2):
            echo.connection.send_bytes(b"x" * 1_000_000)
    until(lambda: not echo.alive)
    echo.close()
    with pytest.raises(OSError):
        echo.connection.send_bytes(b"x")


def test_a_script_runs_once_and_a_parent_that_is_killed_takes_its_child_along(tmp_path):
    """A script without `if __name__ == "__main__"`, as people write them."""
    (tmp_path / "script.py").write_text(UNGUARDED)
    command = [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "work.db")]
    run = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert run.returncode == -signal.SIGKILL, run.stderr
    said, pid = run.stdout.splitlines()
    assert said == "this script runs"
    until(lambda: not Path(f"/proc/{pid}/exe").exists())
