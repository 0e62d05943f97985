"""The demo over HTTP, for real: a server process, questions, a teacher, and an orderly end."""

import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import httpx
import pytest

import quickstudy
from quickstudy.demo import live
from quickstudy.demo.live import show
from quickstudy.demo.server_process import HOST, ServerProcess, free_port
from quickstudy.demo.settings import LiveDemo
from quickstudy.errors import SettingError, StoreError

SECONDS = 240.0  # nobody waits that long unless something hangs
PAGE = re.compile(r"http://127\.0\.0\.1:\d+")


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder that temporary stores go to."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def begin(*options, terminal=False, **settings):
    """Start `quickstudy demo` as a process, its output in a pipe or in a terminal."""
    command = [sys.executable, "-m", "quickstudy.cli", "demo", *map(str, options)]
    if not terminal:
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=subprocess.STDOUT, **settings), None
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, **settings
    )
    os.close(theirs)
    return process, ours


def read_until(terminal, wanted, seconds=SECONDS):
    """What is written to a terminal, up to a text that matches."""
    said, deadline = "", time.monotonic() + seconds
    while not re.search(wanted, said):
        assert time.monotonic() < deadline, said[-2000:]
        said += os.read(terminal, 65_536).decode("utf-8", "replace")
    return said


@pytest.mark.slow
def test_it_streams_teaches_keeps_the_store_and_ends_by_itself(tmp_path, capsys):
    store = tmp_path / "bank.db"
    show(LiveDemo(questions=60, speed=0.0, target=0.9, port=free_port(8400), store=store))
    said = capsys.readouterr().out
    assert PAGE.search(said) and f"--store {store}" in said.replace("\n", "")
    with quickstudy.open(store) as deployment:
        report = deployment.report("bank")
        waiting = deployment.asks("bank")
    assert report.cases == 60 and report.learner.settings.target == 0.9
    assert len(waiting) == report.waiting == 3, "one ask in twenty is the visitor's"
    assert report.labels_used == report.learner.examples == 57


def test_a_store_that_is_there_is_refused_and_left_alone(tmp_path):
    store = tmp_path / "old.db"
    store.write_bytes(b"precious")
    with pytest.raises(SettingError, match="serve --store"):
        LiveDemo(store=store)
    assert store.read_bytes() == b"precious"


@pytest.mark.parametrize(
    "setting",
    [{"speed": -1.0}, {"speed": float("nan")}, {"questions": 0}, {"port": 0}, {"target": 1.0}],
)
def test_settings_out_of_range_are_refused_by_name(setting):
    with pytest.raises(SettingError, match=next(iter(setting))):
        LiveDemo(**setting)


def test_a_port_that_is_taken_makes_way_for_the_next():
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert port < free_port(port) < port + 100


def test_a_server_that_cannot_start_says_why(tmp_path):
    store = tmp_path / "broken.db"
    store.write_bytes(b"this is no store" * 1000)
    with pytest.raises(StoreError, match="did not start: quickstudy: "), ServerProcess(store, 8450):
        pass


@pytest.mark.slow
def test_at_a_terminal_it_stays_for_the_visitor_until_ctrl_c(temporary):
    process, terminal = begin("--questions", 30, "--speed", 0, "--port", 8460, terminal=True)
    said = read_until(terminal, "the page stays open")
    url = PAGE.search(said)[0]
    asks = httpx.get(f"{url}/v1/learners/bank/asks").json()["asks"]
    label = {"prediction_id": asks[0]["id"], "label": "lost card", "source": "visitor"}
    assert httpx.post(f"{url}/v1/feedback", json=label).json()["status"] == "accepted"
    os.kill(process.pid, signal.SIGINT)
    read_until(terminal, "demo is over")
    os.close(terminal)
    assert process.wait(SECONDS) == 0
    assert not list(temporary.iterdir()), "the temporary store is gone"
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/readyz")


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_stopped_on_the_way_it_ends_in_order(temporary, how):
    process, _ = begin("--speed", 20, "--port", 8470)
    url = next(found[0] for line in process.stdout if (found := PAGE.search(line.decode())))
    time.sleep(1.0)
    process.send_signal(how)
    rest = process.communicate(timeout=SECONDS)[0].decode()
    assert process.returncode == 0 and "demo is over" in rest
    assert not list(temporary.iterdir())
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/readyz")


@pytest.mark.slow
def test_once_it_ends_by_itself_where_its_output_is_read():
    process, _ = begin("--speed", 25, "--questions", 50, "--port", 8480, "--once")
    rest = process.communicate(timeout=SECONDS)[0].decode()
    assert process.returncode == 0 and "demo is over" in rest


def test_speed_is_kept(monkeypatch):
    """By a clock that sleeping moves, and one question that takes half a second."""
    now, asked = [0.0], []

    def sleep(seconds):
        now[0] += seconds

    monkeypatch.setattr(live, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    for number in live._paced(list(range(6)), 25.0):
        asked.append(now[0])
        sleep(0.5 if number == 2 else 0.0)
    assert asked == pytest.approx([0.0, 0.04, 0.08, 0.58, 0.58, 0.62])
