"""Sessions of the page: they outlive the server, and end with their key, by sign-out or by time."""

import asyncio
import json
import stat
import time

import httpx
import pytest
from itsdangerous import URLSafeTimedSerializer

import quickstudy
from quickstudy.serve.http import sessions
from quickstudy.serve.http.auth import COOKIE
from quickstudy.serve.http.sessions import FILE, Sessions
from tests.browser.support import Served
from tests.serve.conftest import is_problem

TOKEN = 'name="csrf" value="'


@pytest.fixture
def guarded(tmp_path):
    """A store with two learners and keys."""
    with quickstudy.open(tmp_path / "work.db") as deployment:
        for name in ("mine", "theirs"):
            deployment.create(name, seed=1)
        deployment.create_key("admin", "manage")
        yield deployment


@pytest.fixture
def authenticator(guarded, client_of):
    return client_of(guarded).app.state.authenticator


def log_in(authenticator, secret):
    return asyncio.run(authenticator.log_in(secret))


def test_a_session_outlives_the_server_and_an_ended_one_does_not_come_back(tmp_path):
    """A real server, stopped and started; cookies as a browser has them."""
    store = tmp_path / "work.db"
    with quickstudy.open(store) as deployment:
        deployment.create("mine", seed=1)
        secrets = {name: deployment.create_key(name, "manage") for name in ("ana", "ben", "eva")}
    server = Served(store)
    browsers = {name: httpx.Client(base_url=server.url) for name in secrets}
    for name, browser in browsers.items():
        page = browser.get("/login")
        assert browser.get("/learners/mine").status_code == 303
        form = {"csrf": token_of(page), "key": secrets[name][1], "next": "/learners/mine"}
        assert browser.post("/login", data=form).headers["location"] == "/learners/mine"
        assert browser.get("/learners/mine").status_code == 200
    ana, ben, eva = browsers.values()
    copied = {COOKIE: ben.cookies[COOKIE]}
    assert ben.post("/logout", data={"csrf": "0" * 64}).status_code == 403
    form = {"csrf": token_of(ben.get("/learners/mine"))}
    assert ben.post("/logout", data=form).headers["location"] == "/login"
    server.stop()
    server.start()
    page = ana.get("/learners/mine")
    assert page.status_code == 200 and eva.get("/learners/mine").status_code == 200
    assert ana.post("/you", data={"csrf": token_of(page), "name": "A"}).status_code == 303
    assert ana.post("/you", data={"name": "A"}).status_code == 403
    again = httpx.get(f"{server.url}/learners/mine", cookies=copied)
    assert again.headers["location"].startswith("/login")
    with server.client(secrets["eva"][1]) as client:
        assert client.learner("mine").name == "mine"
    gone = secrets["eva"][0].id
    headers = {"authorization": f"Bearer {secrets['ana'][1]}"}
    assert ana.delete(f"/v1/keys/{gone}", headers=headers).status_code == 204
    assert eva.get("/learners/mine").headers["location"].startswith("/login")
    server.stop()
    server.start()
    assert eva.get("/learners/mine").headers["location"].startswith("/login")
    assert ana.get("/learners/mine").status_code == 200
    server.stop()


def token_of(page):
    return page.text.split(TOKEN)[1].split('"')[0]


def test_a_session_is_as_good_as_its_key_and_ends(guarded, client_of):
    client = client_of(guarded)
    authenticator = client.app.state.authenticator
    key, secret = guarded.create_key("browser", "teach", ("mine",))
    assert log_in(authenticator, "qs_wrong_one") is None
    token = log_in(authenticator, secret)
    client.cookies.set(COOKIE, token)
    assert [i["name"] for i in client.get("/v1/learners").json()["learners"]] == ["mine"]
    assert is_problem(client.get("/v1/learners/theirs"), 403)
    authenticator.log_out(token)
    assert is_problem(client.get("/v1/learners"), 401)
    client.cookies.set(COOKIE, log_in(authenticator, secret))
    assert client.get("/v1/learners").status_code == 200
    guarded.revoke_key(key.id)
    assert is_problem(client.get("/v1/learners"), 401)


def test_a_session_ends_by_itself(guarded, client_of, monkeypatch):
    client = client_of(guarded)
    _, secret = guarded.create_key("browser", "manage")
    client.cookies.set(COOKIE, log_in(client.app.state.authenticator, secret))
    assert client.get("/v1/learners").status_code == 200
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 13 * 3600)
    assert is_problem(client.get("/v1/learners"), 401)


def forgeries(cookie, other):
    """Cookies that were not signed here; `other` is the id of another key."""
    content, at, signature = cookie.split(".")
    unsigned = URLSafeTimedSerializer("guess").dumps([other, "0" * 16])
    flipped = [c if i % 9 else "A" if c != "A" else "B" for i, c in enumerate(signature)]
    yield from ("", ".", "..", "x", "ü", "x" * 10_000, cookie + "x", cookie[:-2], content)
    yield from (unsigned, f"{unsigned.split('.')[0]}.{at}.{signature}", f"{content}.{at}.")
    yield from (f"{content}.{at[:-1]}_.{signature}", f"{content}.{at}.{''.join(flipped)}")


def test_a_cookie_that_was_tampered_with_is_refused(guarded, client_of):
    client = client_of(guarded)
    _, secret = guarded.create_key("browser", "predict")
    other, _ = guarded.create_key("other", "manage")
    cookie = log_in(client.app.state.authenticator, secret)
    for forged in forgeries(cookie, other.id):
        client.cookies.clear()
        said = client.get("/v1/learners", headers={b"cookie": f"{COOKIE}={forged}".encode()})
        assert is_problem(said, 401), forged
        client.app.state.authenticator.log_out(forged)
    client.cookies.set(COOKIE, cookie)
    assert client.get("/v1/learners").status_code == 200


def test_a_session_of_another_store_is_none(guarded, client_of, tmp_path):
    (tmp_path / "other").mkdir()
    key, _ = guarded.create_key("browser", "predict")
    client = client_of(guarded)
    for folder, status in ((tmp_path / "other", 401), (guarded.store.folder, 200)):
        client.cookies.set(COOKIE, Sessions(folder).begin(key.id))
        assert client.get("/v1/learners").status_code == status


def test_the_signing_key_is_for_its_owner_alone_and_in_no_backup(guarded, authenticator, tmp_path):
    token = log_in(authenticator, guarded.create_key("browser", "manage")[1])
    authenticator.log_out(token)
    path = guarded.store.folder / FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [f for f in guarded.doctor() if not f.ok] == []
    key = json.loads(path.read_text())["key"].encode()
    guarded.backup(tmp_path / "copy.db")
    copied = [p for p in tmp_path.rglob("copy.db*") if p.is_file()]
    copied += [p for p in (tmp_path / "copy.db.d").rglob("*") if p.is_file()]
    assert copied and all(key not in p.read_bytes() for p in copied)


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"[]", b"{}", b'{"key": "", "ended": {}}', b'{"key": 3, "ended": 0}']
)
def test_a_damaged_file_ends_all_sessions_and_no_more(tmp_path, content):
    before = Sessions(tmp_path).begin("k")
    (tmp_path / FILE).write_bytes(content)
    now = Sessions(tmp_path)
    assert now.key_of(before) is None
    assert Sessions(tmp_path).key_of(now.begin("k")) == "k"


def test_too_many_ended_sessions_end_all(tmp_path, monkeypatch):
    """What has to be remembered is bounded, and none that was ended comes back."""
    monkeypatch.setattr(sessions, "MOST_ENDED", 3)
    held = Sessions(tmp_path)
    cookies = [held.begin("k") for _ in range(5)]
    for number, cookie in enumerate(cookies[:4]):
        assert held.key_of(cookies[4]) == "k"
        held.end(cookie)
        assert len(json.loads((tmp_path / FILE).read_text())["ended"]) == (number % 3) + 1
    for there in (held, Sessions(tmp_path)):
        assert [there.key_of(cookie) for cookie in cookies] == [None] * 5
        assert there.key_of(held.begin("k")) == "k"


def test_ended_sessions_are_forgotten_once_their_time_is_over(tmp_path, monkeypatch):
    held = Sessions(tmp_path)
    held.end(held.begin("k"))
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 13 * 3600)
    held.end(held.begin("k"))
    assert len(json.loads((tmp_path / FILE).read_text())["ended"]) == 1
