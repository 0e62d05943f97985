"""Value learners and their runs over HTTP: statuses, forms, doors, figures."""

import itertools
import json
from urllib.parse import quote

import pytest

import quickstudy
from tests.serve.conftest import is_problem
from tests.serve.http.test_sse import Listener
from tests.serve.support import running, until

ONE = "/v1/learners/agents"
RUNS = f"{ONE}/runs"
numbers = itertools.count()


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    """A store with the value learner `agents` and the classifier `cards`."""
    with quickstudy.open(tmp_path_factory.mktemp("store") / "work.db") as opened:
        opened.create("cards", budget_mb=16, seed=0)
        opened.create_value("agents", budget_mb=16, seed=0)
        yield opened


@pytest.fixture
def run(client):
    """The path of a run that has begun."""
    said = client.post(RUNS, json={"task": "a flight", "id": f"run {next(numbers)}"})
    assert said.status_code == 201
    return f"{RUNS}/{said.json()['id']}"


def test_a_value_learner_is_made_listed_looked_at_changed_and_deleted(client):
    costs = {"step": 0.01, "ask": 0.2}
    body = {"kind": "value", "name": "robots", "costs": costs, "outcome_range": [-1, 1]}
    said = client.post("/v1/learners", json=body | {"wait_seconds": 60, "budget_mb": 16})
    assert said.status_code == 201
    made = said.json()
    assert (made["kind"], made["name"], made["runs"], made["open"]) == ("value", "robots", 0, 0)
    kept = made["settings"]
    assert kept["costs"] == {"step": 0.01, "failure": 0.0, "ask": 0.2, "help": 1.0}
    assert (kept["outcome_range"], kept["wait_seconds"]) == ([-1.0, 1.0], 60.0)
    kinds = {i["name"]: i["kind"] for i in client.get("/v1/learners").json()["learners"]}
    assert (kinds["robots"], kinds["cards"]) == ("value", "classifier")
    assert client.get("/v1/learners/robots").json() == made
    changed = client.patch("/v1/learners/robots", json={"stop_error": 0.2, "most_open": 5})
    assert changed.status_code == 200
    now = changed.json()["settings"]
    assert (now["stop_error"], now["most_open"], now["costs"]) == (0.2, 5, kept["costs"])
    assert len(client.get("/v1/learners/robots/state").json()["state_hash"]) >= 32
    again = client.post("/v1/learners", json=body)
    assert is_problem(again, 409, field="name")
    assert client.delete("/v1/learners/robots").status_code == 204
    assert is_problem(client.get("/v1/learners/robots/value"), 404)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"costs": {"step": -1.0}}, "step"),
        ({"costs": {"stepp": 1.0}}, "costs.stepp"),
        ({"costs": [{"label": "x", "value": 1.0}]}, "costs"),
        ({"outcome_range": [1.0, 0.0]}, "outcome_range"),
        ({"outcome_range": [1.0]}, "outcome_range"),
        ({"stop_error": 2.0}, "stop_error"),
        ({"wait_seconds": 0.0}, "wait_seconds"),
        ({"most_open": 0}, "most_open"),
        ({"target": 0.9}, "target"),
        ({"loops": "yes"}, "loops"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(client, more, named):
    said = client.post("/v1/learners", json={"kind": "value", "name": "never", **more})
    assert is_problem(said, 422, says=named)
    assert is_problem(client.get("/v1/learners/never"), 404)


def test_the_kind_of_a_learner_decides_what_can_be_set(client):
    for wrong, field in (({"kind": "other"}, "kind"), ({"most_open": 3}, "most_open")):
        said = client.post("/v1/learners", json={"name": "x", **wrong})
        assert is_problem(said, 422, field=field)
    assert is_problem(client.patch(ONE, json={"target": 0.9}), 422, field="target")
    assert is_problem(client.patch("/v1/learners/cards", json={"stop_error": 0.1}), 422)
    assert is_problem(client.patch(ONE, json={"stop_error": 3.0}), 422, says="stop_error")


def test_a_run_is_started_stepped_and_ended(client, run):
    begun = client.get(run).json()
    assert (begun["run"]["status"], begun["run"]["task"]) == ("live", "a flight")
    assert begun["steps"] == []
    assert begun["run"]["success_probability"] is None
    first = client.post(f"{run}/steps", json={"input": "3 flights", "action": "search(flights)"})
    assert first.status_code == 200
    said = first.json()
    assert said["step"] == 1 and 0.0 <= said["success_probability"] <= 1.0
    assert said["low"] <= said["value"] <= said["high"] and said["why"]
    assert {"expert", "probability"} == set(said["votes"][0])
    for given in (
        {"input": {"price": 3.5}},
        {"input": [0.5, 1.0]},
        {"action": "book", "reward": 1},
    ):
        said = client.post(f"{run}/steps", json=given).json()
    assert said["step"] == 4
    report = client.get(run).json()
    assert [s["number"] for s in report["steps"]] == [1, 2, 3, 4]
    assert [s["input"] for s in report["steps"]] == ["3 flights", {"price": 3.5}, [0.5, 1.0], None]
    assert report["steps"][3]["estimate"] == said and report["steps"][3]["reward"] == 1.0
    done = client.post(f"{run}/end", json={"outcome": 0.0, "source": "checker"}).json()
    assert (done["status"], done["outcome"], done["success"]) == ("ended", 0.0, False)
    assert done["success_probability"] == said["success_probability"]
    event = client.get("/v1/log", params={"learner": "agents"}).json()["events"][-1]
    assert (event["type"], event["payload"]["source"]) == ("run_ended", "checker")


def test_a_success_may_be_said_outright(client, run):
    done = client.post(f"{run}/end", json={"outcome": 0.4, "success": True}).json()
    assert (done["outcome"], done["success"]) == (0.4, True)


def test_what_is_sent_again_counts_once(client, run):
    body = {"action": "search(flights)", "number": 1}
    first, second = (client.post(f"{run}/steps", json=body) for _ in range(2))
    assert first.status_code == second.status_code == 200 and first.json() == second.json()
    assert len(client.get(run).json()["steps"]) == 1
    other = client.post(f"{run}/steps", json={"action": "book", "number": 1})
    assert is_problem(other, 422, field="number")
    assert is_problem(client.post(f"{run}/steps", json=body | {"number": 3}), 422, field="number")
    assert is_problem(client.post(f"{run}/steps", json=body | {"number": 0}), 422, field="number")
    one, two = (client.post(f"{run}/end", json={"outcome": 1.0}) for _ in range(2))
    assert (one.json()["repeated"], two.json()["repeated"]) == (False, True)
    assert is_problem(client.post(f"{run}/end", json={"outcome": 0.0}), 422, field="outcome")
    assert is_problem(client.post(f"{run}/steps", json={"action": "more"}), 422)
    id = run.rsplit("/", 1)[1]
    assert is_problem(client.post(RUNS, json={"id": id, "task": "a flight"}), 422, field="id")


def test_a_start_that_is_sent_again_is_one_run(client):
    body = {"id": "twice", "task": "a hotel"}
    one, two = (client.post(RUNS, json=body).json() for _ in range(2))
    assert one["id"] == two["id"] == "twice" and one["started"] == two["started"]
    other = client.post(RUNS, json={"id": "twice", "task": "another"})
    assert is_problem(other, 422, field="id")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "input"),
        ({"input": {"price": {}}}, "price"),
        ({"input": "x" * 30_000}, "text"),
        ({"action": "x" * 30_000}, "action"),
        ({"action": "look", "error": "no"}, "error"),
        ({"action": "look", "number": 1.5}, "number"),
        ({"action": "look", "number": 2}, "number"),
        ({"action": "look", "colour": "red"}, "colour"),
    ],
)
def test_a_step_that_cannot_be_is_refused_by_name(client, run, body, field):
    assert is_problem(client.post(f"{run}/steps", json=body), 422, field=field)
    assert client.get(run).json()["steps"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"outcome": 7.0}, "outcome"),
        ({"outcome": "good"}, "outcome"),
        ({}, "outcome"),
        ({"outcome": 1.0, "success": 1}, "success"),
        ({"outcome": 1.0, "source": ""}, "source"),
    ],
)
def test_an_end_that_cannot_be_is_refused_by_name(client, run, body, field):
    assert is_problem(client.post(f"{run}/end", json=body), 422, field=field)
    assert client.get(run).json()["run"]["status"] == "live"


def test_no_number_is_too_large_or_none_at_all(client, run):
    headers = {"content-type": "application/json"}
    for text, status in (("NaN", 400), ("1e999", 422), ("Infinity", 400)):
        end, step = f'{{"outcome": {text}}}', f'{{"action": "look", "reward": {text}}}'
        for part, content in (("end", end), ("steps", step)):
            said = client.post(f"{run}/{part}", content=content, headers=headers)
            assert is_problem(said, status)


def test_runs_that_are_not_there(client):
    for said in (
        client.get(f"{RUNS}/nobody"),
        client.post(f"{RUNS}/nobody/steps", json={"action": "look"}),
        client.post(f"{RUNS}/nobody/end", json={"outcome": 1.0}),
        client.post(f"{RUNS}/nobody/expire"),
        client.get("/v1/learners/nobody/runs"),
        client.post("/v1/learners/nobody/runs", json={}),
    ):
        assert is_problem(said, 404, says="nobody")


def test_runs_are_listed_by_status(client, run):
    id = run.rsplit("/", 1)[1]

    def listed(**asked):
        return [r["id"] for r in client.get(RUNS, params=asked).json()["runs"]]

    assert id in listed(status="live") and id not in listed(status="ended")
    client.post(f"{run}/end", json={"outcome": 1.0})
    assert id not in listed(status="live", limit=1000) and listed(status="ended")[0] == id
    assert len(listed(limit=1)) == 1 and listed(status="expired") == listed(status="late") == []
    assert is_problem(client.get(RUNS, params={"status": "gone"}), 422, field="status")
    assert is_problem(client.get(RUNS, params={"limit": 0}), 422, field="limit")


def test_a_name_of_any_characters_is_one_run(client):
    for id in ("a/b", "a b?c#d", "日本語", "ü/%2F"):
        assert client.post(RUNS, json={"id": id}).json()["id"] == id
        path = f"{RUNS}/{quote(id, safe='')}"
        assert client.post(f"{path}/steps", json={"action": "look"}).json()["run"] == id
        assert client.get(path).json()["run"]["id"] == id


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("post", f"{ONE}/predictions", {"record": "hello"}),
        ("post", f"{ONE}/predictions", {"records": ["hello"] * 40}),
        ("post", "/v1/feedback", {"learner": "agents", "record": "hello", "label": "x"}),
        ("get", f"{ONE}/report", None),
        ("get", f"{ONE}/asks", None),
        ("post", f"{ONE}/asks/claim", {"holder": "ana"}),
        ("get", f"{ONE}/cases", None),
        ("get", f"{ONE}/versions", None),
        ("post", f"{ONE}/challenger", {}),
        ("get", f"{ONE}/gate", None),
        ("get", f"{ONE}/exam", None),
        ("get", f"{ONE}/limits", None),
        ("put", f"{ONE}/limits", {"per_minute": 3}),
        ("get", f"{ONE}/autonomy", None),
        ("get", f"{ONE}/held", None),
        ("get", f"{ONE}/sources", None),
    ],
)
def test_a_value_learner_says_what_to_call_instead(client, method, path, body):
    said = client.request(method, path, json=body)
    assert is_problem(said, 422, says="value learner") and "start" in said.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("post", "runs", {}),
        ("get", "runs", None),
        ("get", "runs/x", None),
        ("post", "runs/x/steps", {"action": "look"}),
        ("post", "runs/x/end", {"outcome": 1.0}),
        ("post", "runs/x/expire", None),
        ("get", "value", None),
    ],
)
def test_a_classifier_says_what_to_call_instead(client, method, path, body):
    said = client.request(method, f"/v1/learners/cards/{path}", json=body)
    assert is_problem(said, 422, says="classifier") and "predict" in said.json()["detail"]


def test_how_a_value_learner_does(client):
    client.post("/v1/learners", json={"kind": "value", "name": "told", "budget_mb": 16})
    path = "/v1/learners/told/runs"
    for id, outcome in (("a", 1.0), ("b", 0.0), ("c", None)):
        client.post(path, json={"id": id})
        client.post(f"{path}/{id}/steps", json={"action": "look"})
        if outcome is not None:
            client.post(f"{path}/{id}/end", json={"outcome": outcome})
    v = client.get("/v1/learners/told/value").json()
    assert (v["live"], v["ended"], v["successes"], v["expired"], v["late"]) == (1, 2, 1, 0, 0)
    assert v["learner"]["steps"] == 3 and v["stopping"]["error"] == 0.05
    assert v["stopping"]["certified"] is False
    assert v["stopping"]["log_evidence"] < v["stopping"]["log_bar"]
    assert {"expert", "weight"} == set(v["experts"][0])
    figures = client.get("/metrics").text
    for figure in (
        'quickstudy_runs_live{learner="told"} 1.0',
        'quickstudy_runs_ended_total{learner="told"} 2.0',
        'quickstudy_runs_succeeded_total{learner="told"} 1.0',
        'quickstudy_run_steps_total{learner="told"} 3.0',
        'quickstudy_runs_stop_certified{learner="told"} 0.0',
        'quickstudy_waiting{learner="cards"} 0.0',
    ):
        assert figure in figures
    client.delete("/v1/learners/told")


def test_while_paused_it_asks_and_stops_nothing(client, run):
    client.post("/v1/pause", json={"learner": "agents", "reason": "a fire drill"})
    said = client.post(f"{run}/steps", json={"action": "look"}).json()
    assert (said["advice"], said["stop"]) == ("ask", False) and "fire drill" in said["why"]
    client.delete("/v1/pause", params={"learner": "agents"})
    said = client.post(f"{run}/steps", json={"action": "look"}).json()
    assert "fire drill" not in said["why"]


def test_an_end_after_the_wait_is_too_late(client):
    body = {"kind": "value", "name": "hasty", "wait_seconds": 0.2, "budget_mb": 16}
    client.post("/v1/learners", json=body)
    path = "/v1/learners/hasty/runs"
    client.post(path, json={"id": "slow"})

    def status():
        return client.get(f"{path}/slow").json()["run"]["status"]

    until(lambda: status() == "expired")
    assert is_problem(client.post(f"{path}/slow/steps", json={"action": "look"}), 422)
    done = client.post(f"{path}/slow/end", json={"outcome": 1.0}).json()
    assert (done["status"], done["outcome"]) == ("late", 1.0) and status() == "late"
    assert client.get("/v1/learners/hasty/value").json()["successes"] == 0
    client.delete("/v1/learners/hasty")


def test_an_agent_that_was_told_to_stop_closes_its_run(client, run):
    said = client.post(f"{run}/steps", json={"action": "look"}).json()
    first, second = (client.post(f"{run}/expire") for _ in range(2))
    assert first.status_code == second.status_code == 200
    assert first.json() | {"repeated": True} == second.json() and not first.json()["repeated"]
    assert (first.json()["status"], first.json()["value"]) == ("expired", said["value"])
    assert (
        client.get(run).json()["expired_by"]
        == client.get("/v1/log", params={"learner": "agents"}).json()["events"][-1]["actor"]
    )
    assert is_problem(client.post(f"{run}/steps", json={"action": "look"}), 422, says="expired")
    assert client.post(f"{run}/end", json={"outcome": 1.0}).json()["status"] == "late"
    assert is_problem(client.post(f"{run}/expire"), 422, says="has ended")


@pytest.fixture
def knock(tmp_path, client_of):
    """Send a request as a key of a role that is good for `guarded` alone."""
    with quickstudy.open(tmp_path / "work.db") as deployment:
        for name in ("guarded", "agents"):
            deployment.create_value(name, budget_mb=16)
        client, scope = client_of(deployment), ("guarded",)
        secrets = {
            role: deployment.create_key(role, role, scope)[1] for role in ("predict", "teach")
        }

        def knock(role, method, path, **more):
            headers = {"authorization": f"Bearer {secrets[role]}"}
            return client.request(method, f"/v1/learners/{path}", headers=headers, **more)

        knock.context = deployment
        yield knock


def test_what_an_agent_and_its_checker_may_do(knock):
    assert knock("predict", "post", "guarded/runs", json={"id": "x"}).status_code == 201
    step, end = {"json": {"action": "look"}}, {"json": {"outcome": 1.0}}
    assert knock("predict", "post", "guarded/runs/x/steps", **step).status_code == 200
    assert is_problem(knock("predict", "post", "guarded/runs/x/end", **end), 403, says="teach")
    for path in ("guarded/runs", "guarded/runs/x", "guarded/value"):
        assert is_problem(knock("predict", "get", path), 403)
    assert is_problem(knock("teach", "post", "agents/runs", json={}), 403)
    assert knock("predict", "post", "guarded/runs", json={"id": "y"}).status_code == 201
    closed = knock("predict", "post", "guarded/runs/y/expire")
    assert closed.json()["status"] == "expired"
    event = knock.context.events(learner="guarded")[-1]
    assert (event.type, event.actor) == ("expired", "predict")
    assert is_problem(knock("predict", "post", "agents/runs/y/expire"), 403)
    assert knock("teach", "post", "guarded/runs/x/end", **end).json()["status"] == "ended"
    event = knock.context.events(learner="guarded")[-1]
    assert (event.type, event.actor, event.payload["source"]) == ("run_ended", "teach", "teach")


def test_the_stream_tells_of_runs(tmp_path):
    with quickstudy.open(tmp_path / "work.db") as deployment:
        deployment.create_value("agents", budget_mb=16)
        with running(deployment) as address:
            stream = Listener(address, learner="agents", after=0)
            deployment.start("agents", id="x")
            deployment.step("agents", "x", action="a secret thing")
            deployment.end("agents", "x", 1.0)
            until(lambda: len(stream.events) >= 4)
            told = [(event["type"], event["subject"]) for event in stream.events]
            assert told[1:] == [("run_started", "x"), ("stepped", "x"), ("run_ended", "x")]
            assert "secret" not in json.dumps(stream.events)
        stream.thread.join(10)
