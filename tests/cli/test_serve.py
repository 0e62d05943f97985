"""quickstudy serve"""

import inspect
import re
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import fields
from pathlib import Path

import httpx
import pytest

import quickstudy
from quickstudy import Sizes
from quickstudy.cli.stores import serve as command
from quickstudy.serve.settings import ServerSettings
from tests.serve.support import until


@pytest.fixture
def serve(tmp_path):
    """Start the real command on a store; yields the process and its address."""
    started = []

    def serve(*options, store=tmp_path / "work.db"):
        server = [sys.executable, "-m", "quickstudy.cli", "serve", "--store", store, "--port", "0"]
        process = subprocess.Popen(
            [str(part) for part in (*server, *options)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        said = {}
        for line in process.stdout:
            word, _, rest = line.partition(" ")
            said[word] = rest.strip()
            if word == "stop":
                break
        return process, said["page"].rstrip("/")

    yield serve
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_it_says_where_it_is_and_a_signal_ends_it_with_nothing_lost(serve, tmp_path):
    process, address = serve()
    assert address.startswith("http://127.0.0.1:")
    with quickstudy.connect(address) as client:
        client.create("cards", budget_mb=16)
        ids = [client.predict("cards", f"where is card {i}").id for i in range(20)]
        for id in ids:
            client.feedback(id, label="card", source="ana")
        seen, stream = [], threading.Thread(target=lambda: seen.extend(read(address)))
        stream.start()
        until(lambda: "streams" in seen)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        stream.join(5)
        assert seen[-1] == "ended" and "stopped" in process.stdout.read()
    assert not (tmp_path / "work.db-wal").exists()
    with quickstudy.open(tmp_path / "work.db") as deployment:
        assert deployment.learner("cards").examples == 20
        assert {case.id for case in deployment.cases("cards")} == set(ids)


def read(address):
    """What a client of the event stream sees."""
    with httpx.stream("GET", f"{address}/v1/events", params={"after": 0}) as response:
        for line in response.iter_lines():
            if line.startswith("data:"):
                yield "streams"
    yield "ended"


def test_its_options_set_the_sizes_of_what_it_takes_in(serve):
    options = ("--max-text", 30_000, "--max-batch", 2, "--max-fields", 3, "--max-name", 4)
    options += ("--max-numbers", 3)
    _, address = serve(*options, "--max-body", 100_000)
    path = f"{address}/v1/learners/cards/predictions"
    httpx.post(f"{address}/v1/learners", json={"name": "cards", "budget_mb": 16})
    assert httpx.post(path, json={"record": {"text": "x" * 30_000}}).status_code == 200
    for body, says in (
        ({"record": {"text": "x" * 30_001}}, "at most 30,000 are read (max_text)"),
        ({"records": ["a", "b", "c"]}, "give 1 to 2 at once (max_batch)"),
        ({"record": dict.fromkeys("abcd", 1)}, "at most 3 are read (max_fields)"),
        ({"record": {"v": [0.5] * 4}}, "at most 3 are read (max_numbers)"),
        ({"record": {"names": 1}}, "at most 4 are read (max_name)"),
        ({"record": "x" * 100_000}, "longer than 100,000 bytes"),
    ):
        said = httpx.post(path, json=body)
        assert said.status_code in (413, 422) and says in said.json()["detail"]
    assert len(httpx.get(f"{address}/v1/learners/cards/cases").json()["cases"]) == 1


def test_the_defaults_are_those_of_the_library_and_of_the_page():
    """Said in three places, as the command line must not load the library to print its help."""
    options = inspect.signature(command.serve).parameters
    settings, sizes = ServerSettings(), Sizes()
    for name in ("host", "port", "rate", "max_body", "max_model"):
        assert options[name].default == getattr(settings, name)
    for field in fields(sizes):
        assert options[field.name].default == getattr(sizes, field.name)
    page = (Path(__file__).parents[2] / "docs" / "server.md").read_text("utf-8")
    told = re.findall(r"^\| `--(max-\w+)` \| [^|]*\| ([\d,]+) \|", page, re.MULTILINE)
    given = {name: option.default for name, option in options.items() if name.startswith("max_")}
    assert {n.replace("-", "_"): int(v.replace(",", "")) for n, v in told} == given


OPTIONS = ["max-body", "max-model", "max-batch", "max-fields", "max-text", "max-name", "max-label"]
OPTIONS += ["max-numbers", "max-action"]


@pytest.mark.parametrize("option", OPTIONS)
def test_a_size_out_of_range_is_refused_in_one_line(tmp_path, option):
    started = [sys.executable, "-m", "quickstudy.cli", "serve", "--store", tmp_path / "work.db"]
    asked = [*started, f"--{option}", "0"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and option.replace("-", "_") in done.stderr
    assert len(done.stderr.splitlines()) == 1 and not (tmp_path / "work.db").exists()


def test_a_request_in_flight_is_answered(serve):
    process, address = serve()
    with quickstudy.connect(address) as client:
        client.create("cards", budget_mb=16)
        items = [
            quickstudy.Feedback(learner="cards", record=f"r {i}", label="x") for i in range(200)
        ]
        receipts = []
        work = threading.Thread(
            target=lambda: receipts.extend(client.feedback_many(items, wait_learned=True))
        )
        work.start()
        until(lambda: client.report("cards").labels_used == 200)
        process.send_signal(signal.SIGINT)
        work.join(30)
    assert process.wait(30) == 0
    assert len(receipts) == 200 and {r.status for r in receipts} == {"accepted"}


def test_beyond_this_machine_it_needs_a_key(refused, run, serve, tmp_path):
    store = tmp_path / "work.db"
    line = refused("serve", "--store", store, "--host", "0.0.0.0", "--port", 0)
    assert f"quickstudy keys create --store {store}" in line
    _, secret, _ = run("keys", "create", "app", "--store", store, "--role", "manage")
    process, address = serve("--host", "0.0.0.0")
    address = address.replace("0.0.0.0", "127.0.0.1")
    assert httpx.get(f"{address}/v1/learners").status_code == 401
    with quickstudy.connect(address, key=secret.strip()) as client:
        assert client.learners() == []
    assert process.poll() is None


def test_what_cannot_be_served_is_one_clear_line(refused, serve, tmp_path):
    store = tmp_path / "work.db"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert "--port" in refused("serve", "--store", store, "--port", port)
    assert "no folder" in refused("serve", "--store", tmp_path / "none" / "work.db")
    assert "rate" in refused("serve", "--store", store, "--rate", 0)
    assert "host" in refused("serve", "--store", store, "--host", "no.such.name.invalid")
    (tmp_path / "text.db").write_text("this is a text and no store at all" * 100)
    assert "text.db" in refused("serve", "--store", tmp_path / "text.db", "--port", 0)
    serve()
    assert "is open in" in refused("serve", "--store", store, "--port", 0)
