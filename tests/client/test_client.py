"""The client's own part: what it sends again, what it never does, and the errors it raises."""

import json

import httpx
import pytest

import quickstudy
from quickstudy import Client
from quickstudy.api.codec import dump
from quickstudy.api.decisions import Answer, LearnerInfo, Receipt
from quickstudy.api.guardrails import Limits, LimitsReport
from quickstudy.api.runs import RunInfo, ValueInfo
from quickstudy.api.versions import Version
from quickstudy.client import transport as module
from quickstudy.errors import (
    AccessError,
    InputError,
    LabelError,
    ModelFileError,
    NotFoundError,
    NotReadyError,
    RecordError,
    SettingError,
    StoreError,
)
from quickstudy.serve.openapi.examples import example
from quickstudy.types import Costs, Estimate
from tests.serve.support import running


@pytest.fixture
def line(monkeypatch):
    """A client on a line that fails as told: exceptions and responses, one for each request."""
    monkeypatch.setattr(module, "PAUSES", (0.0, 0.0, 0.0))
    sent = []

    def line(*outcomes):
        left = list(outcomes)

        def answer(request):
            sent.append(request)
            outcome = left.pop(0)
            if isinstance(outcome, type):
                raise outcome("the line is down", request=request)
            return outcome

        return Client("http://server", transport=httpx.MockTransport(answer))

    line.sent = sent
    return line


def good(value):
    return httpx.Response(200, json=value)


def a(model):
    """An example of a model, as the server sends it."""
    return dump(example(model))


def problem(status, slug, detail="why"):
    kind = f"https://quickstudy.dev/problems/{slug}"
    return httpx.Response(
        status, json={"type": kind, "title": "", "status": status, "detail": detail}
    )


def test_feedback_is_sent_again_in_the_same_words(line):
    client = line(httpx.ReadTimeout, httpx.ConnectError, good(a(Receipt)))
    receipt = client.feedback(learner="tickets", record="hello", label="x")
    assert receipt.status == "accepted" and len(line.sent) == 3
    bodies = {request.content for request in line.sent}
    assert len(bodies) == 1 and len(json.loads(bodies.pop())["key"]) >= 16


def test_each_teaching_of_a_record_has_a_key_of_its_own(line):
    client = line(*[good(a(Receipt))] * 3)
    for _ in range(2):
        client.feedback(learner="tickets", record="hello", label="x")
    client.feedback("p_1", label="x")
    one, two, about = (json.loads(request.content) for request in line.sent)
    assert one["key"] != two["key"] and "key" not in about  # its content tells a repeat


def test_a_prediction_is_not_asked_for_twice_unless_that_gives_the_same_one(line):
    with pytest.raises(StoreError, match="http://server cannot be reached"):
        line(httpx.ReadTimeout).predict("tickets", "hello")
    line(httpx.ReadTimeout, good(a(Answer))).predict("tickets", "hello", id="mine")
    line(httpx.ConnectError, good(a(Answer))).predict("tickets", "hello")
    line(problem(503, "store"), good(a(Answer))).predict("tickets", "hello")
    with pytest.raises(StoreError):
        line(httpx.ReadError).create("tickets")
    assert len(line.sent) == 1 + 2 + 2 + 2 + 1


def test_what_moves_a_version_is_sent_once_and_a_pause_until_it_arrives(line):
    with pytest.raises(StoreError):
        line(httpx.ReadTimeout).challenge("tickets")
    with pytest.raises(StoreError):
        line(httpx.ReadTimeout).promote("tickets")
    with pytest.raises(StoreError):
        line(httpx.ReadTimeout).rollback("tickets")
    assert len(line.sent) == 3
    line(httpx.ReadTimeout, httpx.ReadTimeout, httpx.Response(204)).pause(reason="why")
    assert [json.loads(r.content) for r in line.sent[3:]] == [{"reason": "why"}] * 3
    line(httpx.ReadTimeout, good(a(LimitsReport))).limit("tickets", Limits(per_minute=3))
    assert line.sent[-1].method == "PUT" and json.loads(line.sent[-1].content)["per_minute"] == 3


def test_what_a_run_says_is_sent_again_only_where_that_counts_once(line):
    run, estimate = good(a(RunInfo)), good(a(Estimate))
    with pytest.raises(StoreError):
        line(httpx.ReadTimeout).start("agents", task="a flight")
    with pytest.raises(StoreError):
        line(httpx.ReadTimeout).step("agents", "run-17", action="look")
    assert len(line.sent) == 2
    line(httpx.ReadTimeout, run).start("agents", id="run-17")
    line(httpx.ReadTimeout, estimate).step("agents", "run-17", "3 flights", number=7)
    line(httpx.ReadTimeout, httpx.ReadError, run).end("agents", "run-17", 1.0)
    assert len({request.content for request in line.sent[-3:]}) == 1
    assert json.loads(line.sent[-1].content) == {"outcome": 1.0}
    assert json.loads(line.sent[-4].content)["number"] == 7 and len(line.sent) == 9
    line(httpx.ReadTimeout, good(a(RunInfo))).expire("agents", "run-17")
    assert [r.url.path for r in line.sent[9:]] == ["/v1/learners/agents/runs/run-17/expire"] * 2


def test_settings_of_a_value_learner_travel_in_its_own_form(line):
    info = good(a(ValueInfo))
    line(info).create_value("agents", costs=Costs(step=0.5), outcome_range=(-1.0, 1.0))
    body = json.loads(line.sent[-1].content)
    assert body["kind"] == "value" and body["outcome_range"] == [-1.0, 1.0]
    assert body["costs"] == {"step": 0.5, "failure": 0.0, "help": 1.0} and "seed" not in body
    line(info, info).change("agents", costs={"ask": 0.3})
    assert json.loads(line.sent[-1].content) == {
        "costs": {"step": 0.0, "failure": 0.0, "ask": 0.3, "help": 1.0}
    }
    line(good(a(LearnerInfo)), good(a(LearnerInfo))).change("tickets", costs={"refund": 3.0})
    assert json.loads(line.sent[-1].content) == {"costs": [{"label": "refund", "value": 3.0}]}


def test_a_learner_travels_as_its_bytes(line, tmp_path):
    (file := tmp_path / "model.qs").write_bytes(b"\x00a learner")
    version = good(a(Version))
    for given in (file, str(file), b"\x00a learner"):
        made = line(version).challenge("tickets", model=given, reason="a & b")
        assert made.id == a(Version)["id"]
        assert line.sent[-1].content == b"\x00a learner"
        assert line.sent[-1].headers["content-type"] == "application/octet-stream"
        assert line.sent[-1].url.params["reason"] == "a & b"
    with pytest.raises(FileNotFoundError, match=r"none\.qs"):
        line().challenge("tickets", model=tmp_path / "none.qs")


def test_it_gives_up_after_three_more(line):
    with pytest.raises(StoreError, match="cannot be reached"):
        line(*[httpx.ConnectError] * 9).learners()
    assert len(line.sent) == 4
    with pytest.raises(StoreError, match="disk"):
        line(*[problem(503, "store", "the disk is full")] * 9).learners()
    assert len(line.sent) == 8


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (problem(422, "record"), RecordError),
        (problem(422, "label"), LabelError),
        (problem(422, "setting"), SettingError),
        (problem(422, "model-file"), ModelFileError),
        (problem(422, "input"), InputError),
        (problem(409, "input"), InputError),
        (problem(409, "not-ready"), NotReadyError),
        (problem(404, "not-found"), NotFoundError),
        (problem(401, "access"), AccessError),
        (problem(429, "access"), AccessError),
        (problem(413, "too-large"), InputError),
        (problem(500, "bug"), StoreError),
        (httpx.Response(502, text="<html>a proxy</html>"), StoreError),
        (httpx.Response(403, text="no"), AccessError),
        (httpx.Response(404, json=["no"]), NotFoundError),
    ],
)
def test_a_problem_is_the_error_that_it_is_in_the_process(line, response, error):
    with pytest.raises(error) as raised:
        line(response).learner("tickets")
    assert type(raised.value) is error


def test_what_json_cannot_carry_never_leaves(line):
    client = line()
    with pytest.raises(RecordError):
        client.predict("tickets", {"a": float("nan")})
    with pytest.raises(RecordError):
        client.predict("tickets", {"a": object()})
    with pytest.raises(SettingError):
        client.create("tickets", target=float("nan"))
    with pytest.raises(InputError):
        client.end("agents", "run-17", float("nan"))
    with pytest.raises(RecordError):
        client.step("agents", "run-17", {"a": float("inf")})
    assert not line.sent


def test_a_name_is_one_part_of_a_path(line):
    client = line(*[good(a(LearnerInfo))] * 2)
    client.learner("a b/c?d#é%2F")
    assert line.sent[0].url.raw_path == b"/v1/learners/a%20b%2Fc%3Fd%23%C3%A9%252F"


def test_a_flush_is_over_in_its_time(line):
    assert line(good({"learned": False}), good({"learned": True})).flush(100) is None
    with pytest.raises(StoreError, match="within 0 s"):
        line(good({"learned": False})).flush(0)


def test_connecting_finds_out_whether_there_is_a_server(monkeypatch):
    monkeypatch.setattr(module, "PAUSES", ())
    with pytest.raises(StoreError, match=r"http://127\.0\.0\.1:9 cannot be reached"):
        quickstudy.connect("http://127.0.0.1:9")
    with pytest.raises(InputError, match="http://"):
        quickstudy.connect("127.0.0.1:8321")


def test_a_key_is_shown_at_every_request(tmp_path):
    with quickstudy.open(tmp_path / "work.db") as deployment:
        _, secret = deployment.create_key("app", "manage")
        with running(deployment) as address:
            with pytest.raises(AccessError, match="key"):
                quickstudy.connect(address)
            with quickstudy.connect(address + "/", key=secret) as client:
                client.create("cards", budget_mb=16)
            assert deployment.events()[-1].actor == "app"


def test_threads_share_a_client(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    with quickstudy.open(tmp_path / "work.db") as deployment:
        deployment.create("cards", budget_mb=16)
        with running(deployment) as address, quickstudy.connect(address) as client:
            with ThreadPoolExecutor(8) as pool:
                said = list(pool.map(lambda i: client.predict("cards", f"record {i}"), range(100)))
            assert len({answer.id for answer in said}) == 100
            records = {case.record for case in client.cases("cards", limit=1000)}
            assert records == {f"record {i}" for i in range(100)}
