"""Who may do what: every endpoint of the document, with every role and scope."""

import pytest

import quickstudy
from quickstudy.errors import SettingError
from quickstudy.serve.app import create_app
from quickstudy.serve.http.auth import ROLES, check_start
from quickstudy.serve.settings import ServerSettings, is_loopback
from tests.deploy.support import OLD_SECRET, add_old_key
from tests.serve import matrix
from tests.serve.conftest import HOME, is_problem


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A store with two learners, a prediction each, and a key for each role and scope."""
    with quickstudy.open(tmp_path_factory.mktemp("store") / "work.db") as deployment:
        deployment.ids = matrix.furnish(deployment)
        deployment.secrets = {
            (role, scope): deployment.create_key(f"{role} {scope}", role, scope)[1]
            for role, scope in matrix.KEYS
        }
        yield deployment


@pytest.fixture
def knock(guarded, client_of):
    """Send a request with a key's secret, or none."""
    client = client_of(guarded)

    def knock(method, path, secret=None, **more):
        headers = {"authorization": f"Bearer {secret}"} if secret else {}
        return client.request(method, path, headers=headers, **more)

    knock.client = client
    return knock


OPERATIONS = list(matrix.operations(create_app(object()).openapi()))


def test_the_document_names_a_role_for_all_but_health():
    assert {(o.method, o.path) for o in OPERATIONS if o.role is None} == matrix.OPEN
    assert {o.role for o in OPERATIONS} == {None, *ROLES} and len(OPERATIONS) >= 49


def test_every_body_that_is_asked_for_is_one_that_fits():
    """Else a refusal would be due to the body, and would say nothing of the door."""
    asked = [o for o in OPERATIONS if o.method in ("post", "put", "patch")]
    assert [o.path for o in asked if matrix.body_of(o, "mine") is None] == []


def test_what_the_matrix_takes_for_a_fault():
    read = matrix.Operation("get", "/v1/learners/{name}/exam", "teach")
    teacher, reader = ("teach", matrix.MINE), ("predict", None)
    mine, theirs = (matrix.Cell(read, teacher, name) for name in matrix.NAMES)
    canary = matrix.CANARY.format(name="theirs")
    assert mine.may and not theirs.may and not matrix.Cell(read, reader, "mine").may
    assert mine.fault(200, "fine") == theirs.fault(403, "no") == ""
    assert "is let in" in theirs.fault(200, "") and "is let in" in theirs.fault(404, "")
    assert "shows" in mine.fault(200, f"and {canary}") and "shows" in theirs.fault(403, canary)
    assert "is refused" in mine.fault(403, "") and "500" in mine.fault(500, "")
    assert "is let in" in matrix.Cell(read, None, "mine").fault(403, "")


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if o.role], ids=str)
def test_the_matrix(guarded, knock, operation):
    """Endpoint x role x scope: what a key may not do answers 401, 403 or 404, and shows nothing."""
    for cell in matrix.cells(operation):
        if cell.may and cell.operation.takes_away:
            continue  # it would change what the others need, or never end
        secret = guarded.secrets.get(cell.key) if cell.key else None
        asked = cell.request(guarded.ids)
        said = knock(asked.method, asked.path, secret, json=asked.body, params=asked.query)
        assert cell.fault(said.status_code, said.text) == "", said.text
        assert cell.may or is_problem(said, said.status_code)
    assert is_problem(knock(asked.method, asked.path), 401, says="key")


def test_lists_show_only_what_the_key_is_good_for(guarded, knock):
    said = knock("get", "/v1/learners", guarded.secrets["predict", matrix.MINE]).json()
    assert [info["name"] for info in said["learners"]] == list(matrix.MINE)


def test_a_prediction_of_another_learner_does_not_exist(guarded, knock):
    secret = guarded.secrets["teach", matrix.MINE]
    there = knock("get", f"/v1/predictions/{guarded.ids['theirs']}", secret)
    nowhere = knock("get", "/v1/predictions/p_nowhere", secret)
    assert (
        there.json()["detail"].replace(guarded.ids["theirs"], "p_nowhere")
        == (nowhere.json()["detail"])
    )
    item = {"prediction_id": guarded.ids["theirs"], "label": "x"}
    assert is_problem(knock("post", "/v1/feedback", secret, json=item), 404)
    both = {"feedback": [{**item, "prediction_id": guarded.ids["mine"]}, item]}
    assert is_problem(knock("post", "/v1/feedback", secret, json=both), 404)
    assert guarded.history(guarded.ids["mine"]).label is None


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "Bearer qs_", "Bearer qs_x_y", "Basic qs_x_y", "Bearer qs_ü", "x" * 9000],
)
def test_what_is_no_key_opens_nothing(knock, header):
    raw = header.encode("latin-1", "replace")
    said = knock.client.get("/v1/learners", headers={b"authorization": raw})
    assert is_problem(said, 401) and said.headers["www-authenticate"] == "Bearer"


def test_a_key_of_another_secret_is_no_key(guarded, knock):
    secret = guarded.secrets["manage", None]
    assert is_problem(knock("get", "/v1/learners", secret[:-1] + "!"), 401)
    assert knock("get", "/v1/learners", secret).status_code == 200


def test_a_key_of_an_older_store_is_a_key_and_a_wrong_one_is_not(tmp_path, client_of):
    with quickstudy.open(tmp_path / "work.db") as deployment:
        add_old_key(deployment)
        client = client_of(deployment)
        for secret, status in ((OLD_SECRET[:-1], 401), (OLD_SECRET, 200), (OLD_SECRET, 200)):
            headers = {"authorization": f"Bearer {secret}"}
            assert client.get("/v1/learners", headers=headers).status_code == status


def test_a_revoked_key_is_refused_from_the_next_request_on(guarded, knock):
    made = knock(
        "post",
        "/v1/keys",
        guarded.secrets["manage", None],
        json={"name": "brief", "role": "predict"},
    ).json()
    assert made["key"]["name"] == "brief" and not made["key"]["revoked"]
    assert knock("get", "/v1/learners", made["secret"]).status_code == 200
    done = knock("delete", f"/v1/keys/{made['key']['id']}", guarded.secrets["manage", None])
    assert done.status_code == 204
    assert is_problem(knock("get", "/v1/learners", made["secret"]), 401)
    assert is_problem(
        knock("delete", "/v1/keys/nobody", guarded.secrets["manage", None]), 404, says="nobody"
    )
    assert "secret" not in knock("get", "/v1/keys", guarded.secrets["manage", None]).text


def test_every_write_is_signed_with_its_key(guarded, knock):
    knock(
        "post",
        "/v1/learners/mine/predictions",
        guarded.secrets["predict", None],
        json={"record": "a"},
    )
    assert guarded.events(after=guarded.report("mine").seq - 1)[-1].actor == "predict None"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.168.0.1", ""])
def test_without_keys_only_names_of_this_machine_are_served(client, host):
    said = client.get("/v1/learners", headers={"host": host})
    assert is_problem(said, 403, says="localhost")


def test_with_keys_it_may_stand_behind_a_proxy_of_any_name(guarded, knock):
    headers = {"host": "work.example", "origin": "https://work.example"}
    secret = {"authorization": f"Bearer {guarded.secrets['predict', None]}"}
    said = knock.client.post(
        "/v1/learners/mine/predictions", json={"record": "x"}, headers=headers | secret
    )
    assert said.status_code == 200
    assert is_problem(knock.client.get("/v1/learners", headers=headers), 401)


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8321", "127.0.0.1", "[::1]:80", "LOCALHOST"]
)
def test_its_own_names_are_these(client, host):
    assert client.get("/v1/learners", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": HOME}, 200),
        ({"origin": "null"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
    ],
)
def test_no_other_site_writes_through_a_browser(client, headers, status):
    body = {"record": "hello"}
    said = client.post("/v1/learners/cards/predictions", json=body, headers=headers)
    assert said.status_code == status
    assert client.get("/v1/learners", headers=headers).status_code == 200


def test_a_form_cannot_be_taken_for_json(client):
    said = client.post("/v1/learners/cards/predictions", content='{"record": "x"}')
    assert is_problem(said, 415)
    plain = {"content-type": "text/plain"}
    said = client.post("/v1/learners", content='{"name": "x"}', headers=plain)
    assert is_problem(said, 415, says="application/json")


def test_every_answer_tells_browsers_to_be_careful(client):
    for said in (client.get("/healthz"), client.get("/nowhere"), client.get("/v1/learners")):
        assert said.headers["x-content-type-options"] == "nosniff"
        assert said.headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in said.headers["content-security-policy"]
        assert said.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in said.headers


def test_too_fast_is_told_when_to_come_back(client_of):
    client = client_of(rate=5)
    said = [client.get("/v1/learners") for _ in range(15)]
    assert [s.status_code for s in said[:10]] == [200] * 10
    assert is_problem(said[-1], 429, says="5 requests a second")
    assert int(said[-1].headers["retry-after"]) == 1
    assert client.get("/healthz").status_code == 200


def test_each_key_has_a_rate_of_its_own(guarded, client_of):
    client = client_of(guarded, rate=1)
    mine, yours = (
        {"authorization": f"Bearer {guarded.secrets[role, None]}"} for role in ("teach", "manage")
    )
    said = [client.get("/v1/learners", headers=mine).status_code for _ in range(4)]
    assert said[0] == 200 and said[-1] == 429
    assert client.get("/v1/learners", headers=yours).status_code == 200


def test_beyond_this_machine_a_key_is_needed_to_start_and_to_enter(guarded, deployment, client_of):
    outside = ServerSettings(host="0.0.0.0")
    with pytest.raises(SettingError, match=r"quickstudy keys create --store w\.db"):
        check_start(deployment, outside, "w.db")
    check_start(guarded, outside, "w.db")
    check_start(deployment, ServerSettings(), "w.db")
    client = client_of(host="0.0.0.0", base_url="http://work.example")
    assert is_problem(client.get("/v1/learners"), 401)


def test_names_of_this_machine_mean_no_other():
    assert all(
        map(is_loopback, ["localhost", "a.localhost", "127.0.0.1", "127.8.9.1", "::1", "[::1]"])
    )
    assert not any(map(is_loopback, ["", "0.0.0.0", "::", "10.0.0.1", "localhost.evil.example"]))
