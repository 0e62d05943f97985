"""Unfamiliar records over HTTP: named in the answer, counted, and told on the page."""

import pytest

import quickstudy

STRANGE = {"missing": ["amount"], "unknown": ["Amount"], "retyped": []}


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    """A store with a learner that knows amounts and countries."""
    with quickstudy.open(tmp_path_factory.mktemp("store") / "work.db") as opened:
        opened.create("pay", seed=0)
        for i in range(60):
            record = {"amount": i % 10, "country": "DE" if i % 3 else "NG"}
            opened.feedback(learner="pay", record=record, label="big" if i % 10 > 5 else "small")
        opened.flush()
        yield opened


def test_an_answer_names_what_is_unfamiliar(client):
    records = [{"Amount": 9, "country": "DE"}, {"amount": 9, "country": "DE"}]
    said = client.post("/v1/learners/pay/predictions", json={"records": records}).json()
    strange, usual = said["predictions"]
    assert strange["unfamiliar"] == STRANGE and strange["decision"] == "ask"
    assert strange["confidence"] == 0.0 and "'amount'" in strange["reason"]
    assert usual["unfamiliar"] is None and usual["label"] == "big"
    shown = client.get(f"/v1/predictions/{strange['id']}").json()
    assert shown["answer"]["unfamiliar"] == STRANGE
    assert shown["explanation"]["prediction"]["unfamiliar"] == STRANGE


def test_it_is_counted_and_reported(client):
    client.post("/v1/learners/pay/predictions", json={"record": {"Amount": 9, "country": "DE"}})
    report = client.get("/v1/learners/pay/report").json()
    assert report["unfamiliar"] >= 1 and report["form"]["unfamiliar"] == STRANGE
    counted = f'quickstudy_unfamiliar_total{{learner="pay"}} {float(report["unfamiliar"])}'
    assert counted in client.get("/metrics").text


def test_the_document_describes_it(client):
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    assert set(schemas["Unfamiliar"]["properties"]) == {"missing", "unknown", "retyped"}
    for noun in ("Answer", "Ask", "FormNotice"):
        assert "Unfamiliar" in str(schemas[noun]["properties"]["unfamiliar"])


def test_pages_tell_it(client):
    answer = client.post(
        "/v1/learners/pay/predictions", json={"record": {"Amount": 9, "country": "<b>"}}
    ).json()
    told = "without amount and with Amount, which is new"
    overview = client.get("/learners/pay").text
    assert f"records come {told}" in overview and "form-notice" in overview
    assert f"it comes {told}" in client.get(f"/predictions/{answer['id']}").text
