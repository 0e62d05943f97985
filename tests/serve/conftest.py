"""An app around a real deployment, called without a socket."""

import json

import pytest
from starlette.testclient import TestClient

import quickstudy
from quickstudy.serve.app import create_app
from quickstudy.serve.settings import ServerSettings

HOME = "http://127.0.0.1:8321"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    """A store with the learner `cards`, which was taught twice."""
    with quickstudy.open(tmp_path_factory.mktemp("store") / "work.db") as opened:
        opened.create("cards", budget_mb=16, seed=0)
        for label in ("lost", "found"):
            opened.feedback(learner="cards", record=f"my card is {label}", label=label)
        opened.flush()
        yield opened


@pytest.fixture
def client_of(deployment):
    """A browser-like client of an app with some settings."""

    def client_of(deployment=deployment, *, base_url=HOME, **settings):
        app = create_app(deployment, settings=ServerSettings(**settings))
        return TestClient(app, base_url=base_url, raise_server_exceptions=False)

    return client_of


@pytest.fixture
def client(client_of):
    """A client of an app with the usual settings."""
    return client_of()


def is_problem(response, status, *, field=None, says=""):
    """Whether a response is a problem+json of a status, naming a field, with some words."""
    assert response.status_code == status, response.text[:500]
    assert response.headers["content-type"] == "application/problem+json"
    said = json.loads(response.content)
    assert said["status"] == status and said["type"].startswith("https://quickstudy.dev/problems/")
    assert set(said) <= {"type", "title", "status", "detail", "field"} and said["title"]
    assert says in said["detail"] and len(said["detail"]) <= 1000
    assert field is None or said["field"] == field
    return True
