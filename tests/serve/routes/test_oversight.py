"""Versions, exam, limits and pause over HTTP: statuses, forms, doors."""

from datetime import UTC, datetime
from urllib.parse import quote

import pytest

import quickstudy
from quickstudy import Classifier
from quickstudy.serve.routes.versions import read_time
from tests.serve.conftest import is_problem

MIB = 1 << 20
MODEL = {"content-type": "application/octet-stream"}
ONE = "/v1/learners/cards"


@pytest.fixture
def deployment(tmp_path):
    """A store with the learners `cards`, which was taught twice, and `bills`."""
    with quickstudy.open(tmp_path / "work.db") as opened:
        for name in ("cards", "bills"):
            opened.create(name, budget_mb=16, seed=0, consolidate=False)
        for label in ("lost", "found"):
            opened.feedback(learner="cards", record=f"my card is {label}", label=label)
        opened.flush()
        yield opened


@pytest.fixture
def model(tmp_path):
    """The file of a learner."""
    learner = Classifier(budget_mb=16, seed=3)
    learner.learn("my card is lost", "lost")
    learner.save(tmp_path / "other.qs")
    return (tmp_path / "other.qs").read_bytes()


@pytest.fixture
def knock(deployment, client_of):
    """Send a request as a key of a role and scope."""
    client = client_of()
    secrets = {}

    def knock(method, path, role="manage", scope=None, **more):
        key = (role, scope)
        if key not in secrets:
            secrets[key] = deployment.create_key(f"{role} {scope}", role, scope)[1]
        headers = {"authorization": f"Bearer {secrets[key]}"} | more.pop("headers", {})
        return client.request(method, path, headers=headers, **more)

    return knock


@pytest.mark.parametrize(
    "at",
    [
        "{seconds}",
        "{utc:%Y-%m-%dT%H:%M:%S.%f}",
        "{utc:%Y-%m-%dT%H:%M:%S.%fZ}",
        "{utc:%Y-%m-%dT%H:%M:%S.%f}+00:00",
        "{utc:%Y-%m-%d %H:%M:%S.%f}",
    ],
)
def test_who_answered_at_a_time_in_any_usual_form(client, deployment, at):
    first = deployment.versions("cards")[0]
    asked = at.format(seconds=first.time + 1, utc=datetime.fromtimestamp(first.time + 1, UTC))
    for query in (quote(asked), asked):  # with a plus sign escaped, and as people write it
        said = client.get(f"{ONE}/versions?at={query}")
        assert [v["id"] for v in said.json()["versions"]] == [first.id]
    assert is_problem(client.get(f"{ONE}/versions?at=2020-03-03"), 404)


@pytest.mark.parametrize(
    "at", ["yesterday", "", "nan", "inf", "9" * 40, "0001-01-01", "2026-13-01"]
)
def test_what_is_no_time_is_no_bug(client, at):
    said = client.get(f"{ONE}/versions", params={"at": at})
    assert said.status_code in (200, 404, 422)
    if at in ("yesterday", "", "nan", "inf", "2026-13-01"):
        assert is_problem(said, 422, field="at")


def test_times_with_an_offset_are_told_apart():
    assert read_time("2026-03-03T09:00:00+01:00") == read_time("2026-03-03T08:00:00")


def test_a_learner_is_uploaded_promoted_and_rolled_back(client, model):
    said = client.post(f"{ONE}/challenger?reason=bought", content=model, headers=MODEL)
    assert said.status_code == 201
    made = said.json()
    assert (made["kind"], made["role"], made["why"]) == ("imported", "challenger", "bought")
    assert client.get(f"{ONE}/gate").json()["gate"]["version"] == made["id"]
    refused = client.post(f"{ONE}/promote", json={})
    assert is_problem(refused, 422, says="better")
    for wrong in ({"override": "better"}, {"overide": []}, {"override": ["no such condition"]}):
        assert is_problem(client.post(f"{ONE}/promote", json=wrong), 422)
    names = ["exam", "never", "better", "groups", "baselines"]
    done = client.post(f"{ONE}/promote", json={"override": names, "reason": "we know it"})
    assert done.status_code == 200 and done.json()["role"] == "champion"
    event = next(e for e in client.get("/v1/log").json()["events"][::-1] if e["type"] == "promoted")
    assert event["payload"]["override"] and event["actor"] == "local"
    back = client.post(f"{ONE}/rollback", json={})
    assert back.status_code == 200 and back.json()["kind"] == "first"


def test_a_consolidation_is_withdrawn(client):
    made = client.post(f"{ONE}/challenger", json={"reason": "spring"})
    assert made.status_code == 201 and made.json()["kind"] == "consolidated"
    assert is_problem(client.post(f"{ONE}/challenger", json={}), 422, says="already")
    assert client.delete(f"{ONE}/challenger", params={"reason": "autumn"}).status_code == 204
    assert client.get(f"{ONE}/gate").json() == {"gate": None}
    assert client.get(f"{ONE}/versions").json()["versions"][0]["why"] == "autumn"


def test_what_is_no_learner_is_refused_for_good(client):
    for content in (b"", b"no learner", b"\x00" * 5000):
        said = client.post(f"{ONE}/challenger", content=content, headers=MODEL)
        assert is_problem(said, 422)
    assert is_problem(client.post(f"{ONE}/challenger", content=b"{}"), 415)
    plain = {"content-type": "text/plain"}
    assert is_problem(client.post(f"{ONE}/challenger", content=b"{}", headers=plain), 415)


def test_only_a_learner_may_be_long(client_of, model):
    client = client_of(max_body=2_048, max_model=len(model))
    said = client.post(f"{ONE}/challenger", content=model, headers=MODEL)
    assert said.status_code == 201
    more = client.post(f"{ONE}/challenger", content=model + b"x", headers=MODEL)
    assert is_problem(more, 413, says=f"{len(model):,} bytes")
    json = {"content-type": "application/json"}
    assert is_problem(client.post(f"{ONE}/challenger", content=b" " * 4096, headers=json), 413)
    assert is_problem(client.post("/v1/feedback", content=b" " * 4096, headers=MODEL), 413)
    assert is_problem(client.put(f"{ONE}/challenger", content=b" " * 4096, headers=MODEL), 413)


def test_without_a_key_of_its_role_no_learner_is_read(knock):
    def chunks():
        yield b"x"
        pytest.fail("the body was read")

    for role, scope in (("teach", None), ("manage", ("bills",))):
        said = knock("post", f"{ONE}/challenger", role, scope, content=chunks(), headers=MODEL)
        assert is_problem(said, 403)


def test_pins_one_or_many(client):
    one = {"record": "my card is lost", "label": "lost", "source": "ana"}
    said = client.post(f"{ONE}/exam", json=one)
    assert said.status_code == 201 and said.json()["source"] == "ana"
    many = [{"record": f"card {i}", "label": i, "bound": "should"} for i in range(3)]
    assert client.post(f"{ONE}/exam", json={"pins": many}).json() == {"pinned": 3}
    exam = client.get(f"{ONE}/exam").json()
    assert len(exam["pins"]) == 4 and exam["passed"] == 1
    id = said.json()["id"]
    assert client.delete(f"{ONE}/exam/{id}").status_code == 204
    assert is_problem(client.delete(f"{ONE}/exam/{id}"), 404)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"pins": []}, "pins"),
        ({"pins": [{"record": "x", "label": "y"}] * 1001}, "pins"),
        ({"pins": [{"record": "x", "label": "y"}], "label": "z"}, "pins"),
        ({"pins": [{"record": "x"}]}, "pins.0.label"),
        ({"record": "x", "label": "y", "bound": "perhaps"}, "bound"),
        ({"record": "x", "label": "y" * 300}, "label"),
        ({"pins": [{"record": "x", "label": "y" * 300}]}, "label"),
        ({"record": {"a": "x" * 20_001}, "label": "y"}, "a"),
        ({"label": "y"}, None),
        ({"record": "x", "prediction_id": "p_1", "label": "y"}, None),
        ({"record": "x"}, None),
    ],
)
def test_what_is_no_pin_is_refused_by_name(client, body, field):
    assert is_problem(client.post(f"{ONE}/exam", json=body), 422, field=field)
    assert client.get(f"{ONE}/exam").json()["pins"] == []


def test_limits_come_back_in_the_form_in_which_they_are_set(client):
    wanted = {
        "never": ["label == 'lost' and contains(text, 'stolen')"],
        "allowed": [{"when": "contains(text, 'card')", "labels": ["lost", 1, True]}],
        "per_minute": 3,
        "costs": [{"label": "lost", "cost": 1.5}],
        "spend_per_day": 10.0,
    }
    assert client.put(f"{ONE}/limits", json=wanted).json()["limits"] == wanted
    assert client.get(f"{ONE}/limits").json()["limits"] == wanted
    empty = client.put(f"{ONE}/limits", json={}).json()["limits"]
    assert (empty["never"], empty["per_minute"]) == ([], None)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"never": ["label ="]}, "never"),
        ({"never": "label == 1"}, "never"),
        ({"per_minute": 1.5}, "per_minute"),
        ({"per_minute": True}, "per_minute"),
        ({"costs": {"lost": 1}}, "costs"),
        ({"most": 3}, "most"),
    ],
)
def test_what_is_no_limit_is_refused_by_name(client, body, says):
    said = client.put(f"{ONE}/limits", json=body)
    assert is_problem(said, 422, says=says) and said.json()["type"].endswith("/setting")


def test_pauses_are_shown_as_far_as_they_concern_the_key(knock):
    assert knock("post", "/v1/pause", json={"learner": "cards", "reason": "one"}).status_code == 204
    assert knock("post", "/v1/pause", json={"learner": "bills", "reason": "two"}).status_code == 204
    assert knock("post", "/v1/pause", json={"reason": "all"}).status_code == 204

    def seen(scope):
        found = knock("get", "/v1/pause", "predict", scope).json()["pauses"]
        return {(p["scope"], p["reason"]) for p in found}

    assert seen(("cards",)) == {("", "all"), ("cards", "one")}
    assert seen(None) == {("", "all"), ("cards", "one"), ("bills", "two")}
    assert knock("get", "/v1/pause").json()["pauses"][0]["by"] == "manage None"


def test_a_key_for_some_learners_pauses_them_and_no_others(knock, deployment):
    mine = ("cards",)
    assert is_problem(knock("post", "/v1/pause", scope=mine, json={}), 403, says="all learners")
    other = {"learner": "bills"}
    assert is_problem(knock("post", "/v1/pause", scope=mine, json=other), 403)
    assert is_problem(knock("post", "/v1/pause", "teach", json={"learner": "cards"}), 403)
    assert deployment.pauses() == []
    said = knock("post", "/v1/pause", scope=mine, json={"learner": "cards"})
    assert said.status_code == 204 and [p.scope for p in deployment.pauses()] == ["cards"]
    knock("post", "/v1/pause", json={})
    assert is_problem(knock("delete", "/v1/pause", scope=mine), 403)
    assert is_problem(knock("delete", "/v1/pause", scope=mine, params=other), 403)
    done = knock("delete", "/v1/pause", scope=mine, params={"learner": "cards"})
    assert done.status_code == 204 and [p.scope for p in deployment.pauses()] == [""]
    assert knock("delete", "/v1/pause").status_code == 204 and deployment.pauses() == []
    assert is_problem(knock("post", "/v1/pause", json={"learner": "nobody"}), 404)


def test_a_pin_of_another_learners_prediction_tells_nothing(knock, deployment):
    hidden = deployment.predict("bills", "a canary").id
    body = {"prediction_id": hidden, "label": "x"}
    said = knock("post", f"{ONE}/exam", scope=("cards",), json=body)
    nowhere = knock("post", f"{ONE}/exam", scope=("cards",), json=body | {"prediction_id": "p_no"})
    assert is_problem(said, 404) and "canary" not in said.text
    assert said.json()["detail"].replace(hidden, "p_no") == nowhere.json()["detail"]


def test_the_file_of_a_pause_is_not_removed_by_the_server(client, tmp_path):
    file = tmp_path / "work.db.d" / "PAUSE"
    file.write_text("a fire drill")
    (pause,) = client.get("/v1/pause").json()["pauses"]
    assert (pause["scope"], pause["by"], pause["reason"]) == ("", "file", "a fire drill")
    said = client.post(f"{ONE}/predictions", json={"record": "my card is lost"}).json()
    assert said["decision"] == "ask" and "fire drill" in said["reason"]
    assert is_problem(client.delete("/v1/pause"), 422, says="PAUSE") and file.exists()
    file.unlink()
    assert client.get("/v1/pause").json() == {"pauses": []}


def test_an_answer_at_the_level_shadow_is_not_shown(client, deployment):
    deployment.create("quiet", start="shadow", budget_mb=16)
    deployment.feedback(learner="quiet", record="hello", label="x", wait_learned=True)
    said = client.post("/v1/learners/quiet/predictions", json={"record": "hello"}).json()
    assert (said["label"], said["alternatives"], said["level"]) == (None, [], "shadow")


def test_settings_of_oversight_are_set_and_changed(client):
    body = {"name": "new", "start": "shadow", "ceiling": "suggest", "approvals": 5, "margin": 0.1}
    said = client.post("/v1/learners", json=body | {"environment": "shop", "probation": 9})
    assert said.status_code == 201 and said.json()["settings"]["environment"] == "shop"
    changed = client.patch("/v1/learners/new", json={"ceiling": "act", "consolidate": False})
    kept = changed.json()["settings"]
    assert (kept["ceiling"], kept["consolidate"], kept["approvals"]) == ("act", False, 5)
    for wrong in ({"ceiling": "king"}, {"consolidate": 1}, {"approvals": 1.5}, {"start": "act"}):
        said = client.patch("/v1/learners/new", json=wrong)
        assert is_problem(said, 422, says=next(iter(wrong)))
