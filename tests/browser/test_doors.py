"""Who may see and teach: keys, sessions, forms from elsewhere, and what browsers are told."""

import httpx
import pytest
from playwright.sync_api import expect

import quickstudy
from tests.browser.support import Served, Tab

TOKEN = 'name="csrf" value="'


@pytest.fixture(scope="module")
def secrets(tmp_path_factory):
    store = tmp_path_factory.mktemp("keys") / "work.db"
    with quickstudy.open(store) as deployment:
        for name in ("seen", "unseen"):
            deployment.create(name, seed=1)
        case = deployment.predict("unseen", "hidden from some").id
        made = {
            role: deployment.create_key(role, role, learners)[1]
            for role, learners in (("predict", None), ("teach", ["seen"]), ("manage", None))
        }
    return store, made, case


@pytest.fixture(scope="module")
def served(browser, secrets):
    server = Served(secrets[0])
    yield server
    server.stop()


def sign_in(tab, secret):
    page = tab.go("/learners/seen")
    page.get_by_label("Key").fill(secret)
    page.get_by_role("button", name="Sign in").click()
    return page


def test_without_a_key_there_is_only_the_door(tab, served):
    page = sign_in(tab, "qs_guess")
    expect(page.get_by_role("alert").filter(has_text="not known")).to_be_visible()
    for path in ("/", "/learners/seen", "/learners/seen/queue", "/predictions/p_0"):
        assert tab.go(path).url.startswith(served.url + "/login")


def test_a_key_opens_what_it_is_good_for_and_no_more(tab, secrets):
    page = sign_in(tab, secrets[1]["teach"])
    expect(page.get_by_role("heading", name="Nothing has come in yet")).to_be_visible()
    assert tab.go("/").get_by_role("button", name="Create").count() == 0
    assert "unseen" not in page.content()
    for path in ("/learners/unseen", "/learners/unseen/queue", f"/predictions/{secrets[2]}"):
        expect(tab.go(path).get_by_role("heading", name="There is nothing here")).to_be_visible()
        assert "hidden from some" not in page.content()
    assert tab.go("/learners/seen/settings").get_by_label("Of these answers").is_disabled()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Key")).to_be_visible()
    assert "/login" in tab.go("/").url


def test_a_key_that_only_sends_cases_reads_none(tab, secrets):
    page = sign_in(tab, secrets[1]["predict"])
    expect(page.get_by_role("heading", name="You may not do this")).to_be_visible()


def test_a_form_from_elsewhere_does_nothing(served, secrets):
    with httpx.Client(base_url=served.url, follow_redirects=True) as visitor:
        token = visitor.get("/login").text.split(TOKEN)[1].split('"')[0]
        key = secrets[1]["manage"]
        signed = visitor.post("/login", data={"csrf": token, "key": key, "next": "/"})
        assert signed.status_code == 200
        new = {"name": "new", "target": "95"}
        assert visitor.post("/learners", data=new).status_code == 403
        assert visitor.post("/learners", data=new | {"csrf": "0" * 64}).status_code == 403
        good = new | {"csrf": token}
        elsewhere = {"origin": "https://elsewhere.example"}
        assert visitor.post("/learners", data=good, headers=elsewhere).status_code == 403
        assert visitor.post("/learners", data=good).status_code == 200
    with served.client(secrets[1]["manage"]) as client:
        assert [info.name for info in client.learners()] == ["new", "seen", "unseen"]


def test_what_browsers_are_told(served):
    answer = httpx.get(served.url + "/login")
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy and "style-src 'self';" in policy
    assert "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    for address in ("https://elsewhere.example", "//elsewhere.example", "/\\elsewhere.example"):
        page = httpx.get(served.url + "/login", params={"next": address}).text
        assert "elsewhere" not in page


def test_static_files_are_kept_and_licensed(served):
    page = httpx.get(served.url + "/login").text
    for part in page.split('src="')[1:]:
        answer = httpx.get(served.url + part.split('"')[0])
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    for name in ("htmx", "uPlot"):
        assert httpx.get(f"{served.url}/static/vendor/{name}.LICENSE.txt").status_code == 200


def test_a_tab_left_open_is_told_to_sign_in(window, served, secrets):
    context = window()
    tab = Tab(context, served)
    sign_in(tab, secrets[1]["teach"])
    page = tab.go("/learners/seen/try")
    context.clear_cookies(name="qs_session")
    page.get_by_label("A text, or a record").fill("anything")
    page.get_by_role("button", name="Answer").click()
    expect(page.get_by_label("Key")).to_be_visible()
    tab.quiet()
