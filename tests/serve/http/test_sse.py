"""The live stream of events: in order, nothing missed, no payload; the slow are cut off."""

import asyncio
import json
import socket
import threading

import httpx
import pytest

import quickstudy
from quickstudy.api.admin import Event
from quickstudy.serve.http.sse import Broadcaster, Subscriber, render
from quickstudy.serve.settings import ServerSettings
from tests.serve.conftest import is_problem
from tests.serve.support import running, until


@pytest.fixture(scope="module")
def address(deployment):
    with running(deployment, heartbeat=0.2, max_streams=3) as address:
        yield address


class Listener:
    """A client of the stream, in a thread."""

    def __init__(self, address, headers=None, **query):
        self.events, self.ids, self.beats, self.ended = [], [], 0, False
        self._stop = threading.Event()
        self._connected = threading.Event()
        work = (f"{address}/v1/events", headers, query)
        self.thread = threading.Thread(target=self._listen, args=work, daemon=True)
        self.thread.start()
        assert self._connected.wait(10)

    def _listen(self, url, headers, query):
        with httpx.stream("GET", url, headers=headers, params=query, timeout=60) as response:
            assert response.status_code == 200
            assert response.headers["content-type"].startswith("text/event-stream")
            self._connected.set()
            for line in response.iter_lines():
                if line.startswith("data: "):
                    self.events.append(json.loads(line[6:]))
                elif line.startswith("id: "):
                    self.ids.append(int(line[4:]))
                self.beats += line.startswith(":")
                if self._stop.is_set():
                    return
        self.ended = True

    def stop(self):
        self._stop.set()
        self.thread.join(10)


@pytest.fixture
def listen(address):
    listeners = []

    def listen(**query):
        listeners.append(Listener(address, **query))
        return listeners[-1]

    yield listen
    for listener in listeners:
        listener.stop()


def test_what_happens_is_told_at_once_and_without_payload(listen, deployment):
    stream = listen()
    until(lambda: stream.beats)
    answer = deployment.predict("cards", "a canary in the mine")
    deployment.feedback(answer.id, label="lost", source="ana")
    until(lambda: len(stream.events) == 2)
    assert [event["type"] for event in stream.events] == ["predicted", "feedback"]
    assert set(stream.events[0]) == {"seq", "time", "type", "learner", "actor", "subject"}
    assert stream.events[0]["subject"] == answer.id and stream.events[0]["seq"] == answer.seq
    assert "canary" not in json.dumps(stream.events)


def test_who_comes_back_misses_nothing_and_gets_nothing_twice(listen, deployment):
    start = deployment.report("cards").seq
    ids = [deployment.predict("cards", f"record {i}").id for i in range(5)]
    stream = listen(after=start)
    ids += [deployment.predict("cards", f"record {i}").id for i in range(5, 10)]
    until(lambda: len(stream.events) >= 10)
    assert [event["subject"] for event in stream.events] == ids
    assert stream.ids == [event["seq"] for event in stream.events] == sorted(set(stream.ids))
    again = listen(headers={"last-event-id": str(stream.ids[6])})
    until(lambda: len(again.events) == 3)
    assert [event["subject"] for event in again.events] == ids[7:]


def test_it_catches_up_through_many_pages_while_more_is_said(listen, deployment):
    deployment.create("pages", budget_mb=16)
    first = deployment.report("pages").seq
    for _ in range(3):
        deployment.predict_many("pages", ["x"] * 600)
    stream = listen(after=first)
    deployment.predict_many("pages", ["y"] * 600)
    until(lambda: len(stream.events) >= 2_400, 30)
    assert stream.ids == sorted(set(stream.ids)) and len(stream.ids) == 2_400
    deployment.delete("pages")


def test_one_learner_alone_can_be_followed(listen, deployment):
    deployment.create("other", budget_mb=16)
    stream = listen(learner="other")
    until(lambda: stream.beats)
    deployment.predict("cards", "not for you")
    answer = deployment.predict("other", "for you")
    until(lambda: stream.events)
    assert [event["subject"] for event in stream.events] == [answer.id]
    deployment.delete("other")


def test_a_quiet_stream_shows_that_it_lives(listen):
    stream = listen()
    until(lambda: stream.beats >= 3)
    assert not stream.events and not stream.ended


def test_there_is_room_for_so_many(listen, address):
    until(lambda: httpx.get(f"{address}/healthz").status_code == 200)
    streams = [listen() for _ in range(3)]
    assert is_problem(httpx.get(f"{address}/v1/events"), 503, says="later")
    streams[0].stop()
    until(lambda: streams[0].thread.is_alive() is False)

    def free():
        with httpx.stream("GET", f"{address}/v1/events") as response:
            return response.status_code == 200

    until(free)


def test_a_reader_that_takes_nothing_is_over():
    reader = Subscriber(lambda learner: True, 10)
    event = Event(1, 0.0, "predicted", "cards", "me", "p_1", {"record": "x"})
    reader.offer([event] * 10)
    assert not reader.over.is_set()
    reader.offer([event])
    assert reader.over.is_set() and reader.queue.qsize() == 10


def test_a_slow_client_is_cut_off_and_leaves_nothing(deployment):
    """It asks for the stream and never reads: once the pipe and its queue are full it is out."""
    with running(deployment, max_events=50, heartbeat=60.0) as address:
        host, port = address.removeprefix("http://").split(":")
        before = len(deployment.context.listeners)
        with socket.create_connection((host, int(port))) as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.sendall(f"GET /v1/events?after=0 HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
            until(lambda: len(deployment.context.listeners) == before + 1)

            def pushed_out():
                deployment.predict_many("cards", ["x"] * 500)
                return len(deployment.context.listeners) == before

            until(pushed_out, 30)
            assert httpx.get(f"{address}/healthz").status_code == 200


def test_without_readers_nothing_is_listened_to(deployment):
    async def come_and_go():
        hub = Broadcaster(deployment, ServerSettings())
        before = len(deployment.context.listeners)
        one, two = (Subscriber(lambda learner: True, 10) for _ in range(2))
        hub.join(one)
        hub.join(two)
        assert len(deployment.context.listeners) == before + 1
        hub.leave(one)
        hub.leave(two)
        assert len(deployment.context.listeners) == before

    asyncio.run(come_and_go())


def test_an_event_of_odd_characters_stays_one_event():
    event = Event(7, 0.0, "predicted", "a\nb\r\n", "m\u2028e", "p\n\ndata: x", None)
    lines = render(event).decode().split("\n")
    assert len(lines) == 4 and lines[0] == "id: 7" and lines[2:] == ["", ""]
    assert json.loads(lines[1][6:])["subject"] == "p\n\ndata: x"


def test_a_key_hears_only_of_its_learners(tmp_path):
    with quickstudy.open(tmp_path / "work.db") as deployment:
        for name in ("mine", "theirs"):
            deployment.create(name, budget_mb=16)
        _, secret = deployment.create_key("me", "teach", ("mine",))
        with running(deployment) as address:
            stream = Listener(address, {"authorization": f"Bearer {secret}"}, after=0)
            deployment.predict("theirs", "x")
            deployment.predict("mine", "x")
            until(lambda: len(stream.events) >= 2)
            assert {event["learner"] for event in stream.events} == {"mine"}
        stream.thread.join(10)
        assert stream.ended
