"""HEAD wherever GET is, with the same status and headers; OPTIONS says what a path takes."""

import socket
import time
from http.client import HTTPConnection
from urllib.parse import quote

import httpx
import pytest
from starlette.testclient import TestClient

import quickstudy
from quickstudy.serve.app import create_app
from quickstudy.serve.dashboard.mount import CONTROL, PEOPLE, STATIC
from quickstudy.serve.settings import ServerSettings
from tests.serve.conftest import HOME, is_problem
from tests.serve.support import running, until

CHANGING = {"date", "set-cookie"}  # with every answer
PAGES = {
    route.path
    for part in (*PEOPLE, *CONTROL)
    for route in part.router.routes
    if "GET" in route.methods
}
PATHS = create_app(object()).openapi()["paths"]
API = {path for path, methods in PATHS.items() if "get" in methods}
FILES = {f"/static/{file.relative_to(STATIC)}" for file in STATIC.rglob("*") if file.is_file()}
STREAM = "/v1/events"
ALL = sorted(API | PAGES | FILES | {"/openapi.json", "/no/such/page", "/static/none.js"})
GROWING = {"/metrics"}  # with every request, so that its length differs


@pytest.fixture(scope="module")
def furnished(tmp_path_factory):
    """A deployment with something behind every path, and the words that lead there."""
    with quickstudy.open(tmp_path_factory.mktemp("store") / "work.db") as opened:
        opened.create("cards", budget_mb=16, seed=0, wait_seconds=1e6)
        for label in ("lost", "found"):
            opened.feedback(learner="cards", record=f"my card is {label}", label=label)
        opened.flush()
        case = opened.predict("cards", "where is my card", id="case/1")
        opened.pin("cards", record="my card is lost", label="lost")
        opened.create_value("agents", budget_mb=16)
        opened.start("agents", task="a flight", id="run-1")
        opened.step("agents", "run-1", "3 flights found", action="search(flights)")
        yield opened, {"id": case.id, "run": "run-1", "version": opened.versions("cards")[0].id}


@pytest.fixture(scope="module")
def client(furnished):
    """A browser that has been here before."""
    app = create_app(furnished[0], settings=ServerSettings())
    client = TestClient(app, base_url=HOME, follow_redirects=False, raise_server_exceptions=False)
    client.get("/")
    return client


@pytest.fixture
def filled(furnished):
    """A path with names in the place of its parameters."""

    def filled(path):
        words = dict(furnished[1], name="agents" if "/run" in path or "value" in path else "cards")
        for name, word in words.items():
            path = path.replace(f"{{{name}}}", quote(word, safe=""))
            path = path.replace(f"{{{name}:part}}", quote(word, safe=""))
        if path.endswith("/diff"):
            path += f"?before={words['version']}&after={words['version']}"
        return path

    return filled


def headers_of(response, path):
    leave = CHANGING | ({"content-length"} if path in GROWING else set())
    return {name: value for name, value in response.headers.items() if name not in leave}


@pytest.mark.parametrize("path", [path for path in ALL if path != STREAM])
def test_head_is_get_without_the_body(client, filled, path):
    where = filled(path)
    assert "{" not in where
    got, headed = client.get(where), client.head(where)
    assert headed.status_code == got.status_code < 500
    assert headers_of(headed, path) == headers_of(got, path)
    assert headed.content == b"" and headed.headers.get("content-length", "1").isdigit()


def test_most_paths_are_there(client, filled):
    statuses = {path: client.head(filled(path)).status_code for path in ALL if path != STREAM}
    missing = {path for path, status in statuses.items() if status not in (200, 204, 303)}
    assert missing <= {"/no/such/page", "/static/none.js", *AWAY}, missing


AWAY = {"/v1/learners/{name}/gate"}  # there is no challenger


@pytest.mark.parametrize("path", [PREDICT := "/v1/learners/cards/predictions", "/v1/feedback"])
def test_head_of_what_only_takes_something_is_refused(client, path):
    assert client.get(path).status_code == client.head(path).status_code == 405
    assert client.head(path).headers["allow"] == "OPTIONS, POST"
    assert client.head(path).content == b""


@pytest.mark.parametrize("path", ["/healthz", "/", "/v1/learners", "/metrics", "/static/app.js"])
def test_head_over_a_socket_ends_and_leaves_the_connection_open(furnished, path):
    with running(furnished[0]) as address:
        connection = HTTPConnection(address.removeprefix("http://"), timeout=10)
        for _ in range(3):
            connection.request("HEAD", path)
            response = connection.getresponse()
            assert (response.status, response.read()) == (200, b"")
            assert int(response.getheader("content-length")) > 0
        connection.close()


def test_head_of_the_stream_of_events_ends(furnished):
    with running(furnished[0], max_streams=2) as address:
        began = time.monotonic()
        for _ in range(4):  # more than there may be at once: each one ends
            said = httpx.head(f"{address}{STREAM}")
            assert said.status_code == 200 and said.content == b""
            assert said.headers["content-type"].startswith("text/event-stream")
            hub_is_empty(address)
        assert time.monotonic() - began < 10


def hub_is_empty(address):
    """Wait until a stream may be opened."""

    def opens():
        with httpx.stream("GET", f"{address}{STREAM}") as stream:
            return stream.status_code == 200

    until(opens)


def test_head_is_counted_by_its_route(client):
    client.head("/v1/learners/cards")
    figure = 'quickstudy_requests_total{method="HEAD",route="/v1/learners/{name}",status="200"}'
    assert figure in client.get("/metrics").text


def test_head_asks_for_the_key_that_get_asks_for(tmp_path):
    with quickstudy.open(tmp_path / "work.db") as deployment:
        deployment.create_key("shop", "predict")
        app = create_app(deployment, settings=ServerSettings())
        client = TestClient(app, base_url=HOME)
        for path in ("/v1/learners", "/metrics", "/v1/events", "/v1/log"):
            assert client.head(path).status_code == client.get(path).status_code == 401
        assert client.head("/healthz").status_code == 200


ALLOWED = [
    ("/healthz", {"GET", "HEAD", "OPTIONS"}),
    ("/openapi.json", {"GET", "HEAD", "OPTIONS"}),
    ("/", {"GET", "HEAD", "OPTIONS"}),
    ("/static/app.js", {"GET", "HEAD", "OPTIONS"}),
    ("/v1/feedback", {"POST", "OPTIONS"}),
    (PREDICT, {"POST", "OPTIONS"}),
    ("/v1/learners", {"GET", "HEAD", "POST", "OPTIONS"}),
    ("/v1/learners/cards", {"GET", "HEAD", "PATCH", "DELETE", "OPTIONS"}),
    ("/v1/pause", {"GET", "HEAD", "POST", "DELETE", "OPTIONS"}),
]


@pytest.mark.parametrize(("path", "methods"), ALLOWED)
def test_options_says_what_a_path_takes(client, path, methods):
    said = client.options(path)
    assert (said.status_code, said.content) == (204, b"")
    assert set(said.headers["allow"].split(", ")) == methods
    assert "access-control-allow-origin" not in said.headers
    refused = client.request("TRACE", path)
    assert is_problem(refused, 405) and set(refused.headers["allow"].split(", ")) == methods


def test_options_of_every_documented_path_names_its_methods(client, filled):
    for path, methods in PATHS.items():
        said = set(client.options(filled(path)).headers["allow"].split(", "))
        assert said >= {method.upper() for method in methods} | {"OPTIONS"}
        assert ("HEAD" in said) == ("get" in methods)


def test_options_of_no_page_and_of_the_server(furnished, client):
    assert is_problem(client.options("/no/such/page"), 404)
    with running(furnished[0]) as address:
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as line:
            line.sendall(b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert line.makefile("rb").readline().split()[1] in (b"204", b"400", b"404")
        assert httpx.get(f"{address}/healthz").status_code == 200
