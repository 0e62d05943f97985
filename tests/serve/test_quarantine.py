"""What a learner set aside, and that one is out of service, is said over HTTP and on the pages."""

import re
import shutil

import pytest

import quickstudy
from quickstudy.learners.classifier.classifier import Classifier
from tests.deploy.faults import ERRORS, failing_classifier, failing_value, record
from tests.serve.conftest import is_problem

SMALL = {"budget_mb": 16, "seed": 1, "consolidate": False}


@pytest.fixture
def store(tmp_path):
    """A store in which a classifier and a value learner set something aside; and its last case."""
    path = tmp_path / "work.db"
    with quickstudy.open(path) as deployment:
        deployment.create("t", **SMALL)
        deployment.create_value("v", budget_mb=16, seed=1)
        with failing_classifier(ERRORS[0]), failing_value(ERRORS[1]):
            for i in range(1, 5):
                deployment.feedback(learner="t", record=record(i), label=f"l{i % 2}")
            case = deployment.predict("t", record(9, marked=True)).id
            deployment.feedback(case, label="l1", wait_learned=True)
            run = deployment.start("v", task="marked", id="a run").id
            deployment.step("v", run, record(1))
            deployment.end("v", run, 1.0)
    return path, case


def metric(client, name, learner):
    found = re.search(rf'^{name}{{learner="{learner}"}} (\S+)$', client.get("/metrics").text, re.M)
    return float(found[1])


def test_what_was_set_aside_is_said_with_its_reason_and_its_case(store, client_of):
    path, case = store
    with quickstudy.open(path) as deployment:
        client = client_of(deployment)
        info = client.get("/v1/learners/t").json()
        assert info["quarantined"] == 1 and info["out_of_service"] == ""
        (one,) = client.get("/v1/learners/t/report").json()["quarantined"]
        assert (one["subject"], one["about"]) == (case, "feedback")
        assert one["reason"] == "MemoryError: no room for 8 GiB"
        page = client.get("/learners/t").text
        assert "1 example set aside" in page and one["reason"] in page
        assert f'href="/predictions/{case}"' in page
        assert "set aside" in client.get(f"/predictions/{case}").text
        page = client.get("/learners/v").text
        assert "1 example set aside" in page and "FloatingPointError" in page
        assert 'href="/learners/v/runs/a%20run"' in page
        assert metric(client, "quickstudy_quarantined_total", "t") == 1
        assert metric(client, "quickstudy_quarantined_total", "v") == 1
        assert metric(client, "quickstudy_out_of_service", "t") == 0
        assert client.get("/readyz").json() == {"status": "ok"}


def test_nothing_is_said_where_nothing_was_set_aside(client):
    assert "set aside" not in client.get("/learners/cards").text
    assert client.get("/v1/learners/cards").json()["quarantined"] == 0


def test_who_waits_until_it_is_learned_is_told(store, client_of):
    path, _ = store
    with quickstudy.open(path) as deployment, failing_classifier(ERRORS[2]):
        client = client_of(deployment)
        said = {"learner": "t", "record": record(2, marked=True), "label": "l1"}
        answer = client.post("/v1/feedback?wait=learned", json=said)
        assert answer.status_code == 200, answer.text
        receipt = answer.json()
        assert receipt["status"] == "accepted"
        assert "set aside: learning it failed (LinAlgError: singular)" in receipt["message"]


def test_one_that_is_out_of_service_answers_503_and_the_others_serve(tmp_path, client_of):
    path = tmp_path / "work.db"
    with quickstudy.open(path) as deployment:
        for name in ("t", "other"):
            deployment.create(name, **SMALL)
            for i in range(25):
                x = record(i, marked=name == "t")
                deployment.feedback(learner=name, record=x, label=f"l{i % 2}")
    shutil.rmtree(path.with_name("work.db.d") / "learner-1")
    with failing_classifier(ERRORS[0]), quickstudy.open(path) as deployment:
        client = client_of(deployment)
        asked = {"record": record(1)}
        answer = client.post("/v1/learners/t/predictions", json=asked)
        assert is_problem(answer, 503, says="out of service")
        assert client.post("/v1/learners/other/predictions", json=asked).status_code in (200, 201)
        infos = {i["name"]: i for i in client.get("/v1/learners").json()["learners"]}
        assert "MemoryError" in infos["t"]["out_of_service"]
        assert infos["other"]["out_of_service"] == ""
        assert client.get("/readyz").json() == {"status": "ok", "failing": 1}
        assert metric(client, "quickstudy_out_of_service", "t") == 1
        assert metric(client, "quickstudy_out_of_service", "other") == 0
        page = client.get("/learners/t")
        assert page.status_code == 503 and "out of service" in page.text
        assert "MemoryError" in page.text and "Traceback" not in page.text
        home = client.get("/")
        assert home.status_code == 200 and "Out of service" in home.text
        assert client.get("/learners/other").status_code == 200
        deployment.delete("other")
        assert is_problem(client.get("/readyz"), 503, says="no learner is in service")


def test_a_prediction_that_fails_is_a_problem_and_the_server_goes_on(client, monkeypatch):
    def fails(self, xs, **how):
        raise MemoryError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(Classifier, "predict_many", fails)
        answer = client.post("/v1/learners/cards/predictions", json={"record": "my card"})
        assert is_problem(answer, 503, says="'cards' could not answer (MemoryError: no room)")
    answer = client.post("/v1/learners/cards/predictions", json={"record": "my card"})
    assert answer.status_code in (200, 201)
