"""The endpoints as a client meets them: forms, statuses, and words."""

import pytest

from tests.serve.conftest import is_problem

PREDICT = "/v1/learners/cards/predictions"


def test_one_record_gives_one_prediction_with_everything_about_it(client):
    said = client.post(PREDICT, json={"record": "my card is lost"})
    assert said.status_code == 200 and said.headers["content-type"] == "application/json"
    answer = said.json()
    assert list(answer) == [
        *("id", "learner", "label", "decision", "confidence", "novelty", "policy", "audit"),
        *("reason", "alternatives", "seq", "time", "level", "held", "limit", "version"),
        "unfamiliar",
    ]
    assert answer["alternatives"][0] == {"label": "lost", "probability": answer["confidence"]}


def test_records_give_predictions_in_order(client):
    said = client.post(PREDICT, json={"records": ["my card is lost", "my card is found"]}).json()
    assert [answer["label"] for answer in said["predictions"]] == ["lost", "found"]
    many = client.post(PREDICT, json={"records": ["my card is lost"] * 40}).json()
    assert len({answer["id"] for answer in many["predictions"]}) == 40


def test_one_feedback_gives_one_receipt_and_several_give_several(client):
    answers = client.post(PREDICT, json={"records": ["one", "two"]}).json()["predictions"]
    items = [{"prediction_id": a["id"], "label": "lost", "source": "ana"} for a in answers]
    one = client.post("/v1/feedback?wait=learned", json=items[0]).json()
    assert list(one) == ["seq", "status", "prediction_id", "learner", "counted", "message"]
    assert (one["status"], one["counted"]) == ("accepted", True)
    several = client.post("/v1/feedback", json={"feedback": items}).json()["receipts"]
    assert [receipt["status"] for receipt in several] == ["repeated", "accepted"]


def test_a_prediction_is_shown_with_explanation_and_history(client):
    answer = client.post(PREDICT, json={"record": "my card is lost"}).json()
    shown = client.get(f"/v1/predictions/{answer['id']}").json()
    assert shown["answer"] == answer and shown["events"][0]["type"] == "predicted"
    why = shown["explanation"]
    assert why["prediction"]["label"] == "lost"
    assert why["neighbours"][0]["record"] == "my card is lost"
    assert "votes" not in why["prediction"]
    path = f"/v1/predictions/{answer['id']}"
    assert client.get(path, params={"explanation": False}).json()["explanation"] is None


def test_a_learner_is_made_looked_at_changed_and_deleted(client):
    made = client.post("/v1/learners", json={"name": "leads", "target": 0.9, "budget_mb": 16})
    assert made.status_code == 201 and made.json()["settings"]["target"] == 0.9
    again = client.post("/v1/learners", json={"name": "leads"})
    assert is_problem(again, 409, field="name", says="already")
    changed = client.patch("/v1/learners/leads", json={"costs": [{"label": True, "value": 2}]})
    assert changed.json()["settings"]["costs"] == [{"label": True, "value": 2.0}]
    names = [info["name"] for info in client.get("/v1/learners").json()["learners"]]
    assert names == ["cards", "leads"]
    assert client.delete("/v1/learners/leads").status_code == 204
    assert is_problem(client.get("/v1/learners/leads"), 404, says="leads")


@pytest.mark.parametrize("id", ["order 7/8", "100%", "a?b#c", "ü/ß/%2F", "..x"])
def test_an_id_of_any_characters_has_its_own_path(client, id):
    from urllib.parse import quote

    client.post(PREDICT, json={"record": "hello", "id": id})
    shown = client.get(f"/v1/predictions/{quote(id, safe='')}")
    assert shown.status_code == 200 and shown.json()["id"] == id


def test_cases_are_found_by_labels_of_every_type(client, deployment):
    deployment.create("types", budget_mb=16)
    ids = {}
    for label in (1, True, "1", "true"):
        id = deployment.predict("types", f"record {label!r}").id
        deployment.feedback(id, label=label)
        ids[f"{label!r}"] = id

    def find(label):
        found = client.get("/v1/learners/types/cases", params={"label": label}).json()["cases"]
        return [case["id"] for case in found]

    asked = {"1": "1", "true": "True", '"1"': "'1'", '"true"': "'true'"}
    assert {k: find(k) for k in asked} == {k: [ids[v]] for k, v in asked.items()}
    deployment.delete("types")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "record"),
        ({"record": "x", "records": ["y"]}, "record"),
        ({"records": []}, "records"),
        ({"records": "x"}, "records"),
        ({"record": "x", "ids": ["a"]}, "ids"),
        ({"records": ["x"], "id": "a"}, "id"),
        ({"records": ["x", "y"], "ids": ["a"]}, "ids"),
        ({"record": "x", "id": 5}, "id"),
        ({"record": "x", "colour": "red"}, "colour"),
        ({"record": {"height": {"a": 1}}}, "height"),
    ],
)
def test_a_request_of_another_form_is_refused_by_field(client, body, field):
    assert is_problem(client.post(PREDICT, json=body), 422, field=field)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/feedback", {"feedback": [], "label": "x"}, "feedback"),
        ("/v1/feedback", {"feedback": []}, "feedback"),
        ("/v1/feedback", {"feedback": [{"prediction_id": 5}]}, "feedback.0.prediction_id"),
        ("/v1/feedback?wait=long", {"prediction_id": "p_1", "label": "x"}, "wait"),
        ("/v1/learners", {"name": "x", "target": "high"}, "target"),
        ("/v1/learners", {"target": 0.9}, "name"),
        ("/v1/learners", {"name": "x", "targets": [{"label": 1}]}, "targets.0.value"),
        ("/v1/learners/cards/asks/claim", {"holder": "ana", "seconds": -1}, "seconds"),
        ("/v1/learners/cards/asks/claim", {}, "holder"),
        ("/v1/keys", {"name": "x", "role": "king"}, "role"),
    ],
)
def test_other_forms_too(client, path, body, field):
    assert is_problem(client.post(path, json=body), 422, field=field)


def test_a_query_of_another_form_is_refused_by_name(client):
    assert is_problem(client.get("/v1/learners/cards/cases?limit=0"), 422, field="limit")
    assert is_problem(client.get("/v1/learners/cards/cases?status=odd"), 422, field="status")
    assert is_problem(client.get("/v1/log?after=-1"), 422, field="after")


def test_what_is_not_there_is_said_so(client):
    assert is_problem(client.get("/v2/learners"), 404, says="/v2/learners")
    assert is_problem(client.post("/v1/learners/nobody/predictions", json={"record": "x"}), 404)
    for path in ("", "/explanation"):
        assert is_problem(client.get(f"/v1/predictions/p_nobody{path}"), 404, says="p_nobody")
    wrong = client.put("/v1/learners")
    assert is_problem(wrong, 405) and set(wrong.headers["allow"].split(", ")) >= {"GET"}
    assert is_problem(client.get("/v1/feedback"), 405)


def test_a_claim_without_a_case_is_null(client, deployment):
    deployment.create("empty", budget_mb=16)
    said = client.post("/v1/learners/empty/asks/claim", json={"holder": "ana"})
    assert said.status_code == 200 and said.json() == {"ask": None}
    deployment.delete("empty")


def test_all_is_learned_or_the_time_is_over(client):
    assert client.post("/v1/flush", json={"timeout": 30}).json() == {"learned": True}


def test_a_bug_is_no_leak(client, deployment, monkeypatch, caplog):
    def broken(name):
        raise RuntimeError("my secret record")

    monkeypatch.setattr(deployment, "report", broken)
    said = client.get("/v1/learners/cards/report")
    assert is_problem(said, 500) and "secret" not in said.text
    assert "RuntimeError" in caplog.text and "secret record" not in caplog.text


def test_health_and_readiness(client, client_of):
    assert client.get("/healthz").json() == client.get("/readyz").json() == {"status": "ok"}
    stopping = client_of()
    stopping.app.state.stopping = True
    assert stopping.get("/healthz").status_code == 200
    assert is_problem(stopping.get("/readyz"), 503, says="stop")


def test_figures_carry_counts_and_no_payload(client):
    client.post(PREDICT, json={"record": "a canary in the mine"})
    client.get("/v1/predictions/canary-id")
    client.get("/canary-path")
    client.request("CANARY", "/v1/learners")
    text = client.get("/metrics").text
    assert "canary" not in text
    for figure in (
        'quickstudy_cases_total{learner="cards"}',
        'quickstudy_labels_used_total{learner="cards"}',
        'quickstudy_share_handled{learner="cards"} 0.0',
        'quickstudy_lag{learner="cards"} 0.0',
        'quickstudy_request_seconds_bucket{le="0.02",route="/v1/learners/{name}/predictions"}',
        'quickstudy_requests_total{method="POST",route="/v1/learners/{name}/predictions",status="200"}',
        'quickstudy_requests_total{method="GET",route="none",status="404"} 1.0',
    ):
        assert figure in text, figure
