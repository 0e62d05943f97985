"""Every page: what people do there, and that nothing goes wrong on any of them."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.support import AWAY, PHONE, Served, Tab, case_on, wide

HOSTILE = "<img src=x onerror=\"document.title='broken'\"> & <b>bold</b>"
RECORDS = [
    "where is my new card",
    HOSTILE,
    "日本語のテキスト 🎉 مرحبا بالعالم",
    "one-very-long-word-" * 40,
    "A long letter. " * 300,
]
NAME = "bank questions & more"
PATH = "/learners/bank%20questions%20%26%20more"


@pytest.fixture(scope="module")
def ids(client):
    client.create(NAME, seed=1)
    answers = [client.predict(NAME, record) for record in RECORDS]
    for i, answer in enumerate(answers[:3]):
        client.feedback(answer.id, label=["card", HOSTILE, "日本語"][i], wait_learned=True)
    more = client.predict_many(NAME, [{"text": HOSTILE, "amount": 3.5, "vip": True, "note": None}])
    client.create("untouched")
    return [answer.id for answer in [*answers, *more]]


@pytest.fixture(scope="module")
def disputed(client):
    client.create("disputed", seed=1)
    case = client.predict("disputed", "my card and my phone are gone").id
    for source, label in (("anna", "card"), ("ben", "phone"), ("anna", "both"), ("ben", "card")):
        client.feedback(case, label=label, source=source, wait_learned=True)
    assert client.history(case).status == "contested"
    return case


def every(ids):
    tabs = ("", "/queue", "/cases", "/cases?text=card&status=labelled", "/try", "/settings")
    return ["/", *(PATH + t for t in tabs), *(f"/predictions/{i}" for i in ids)] + [
        f"/learners/untouched{t}" for t in tabs[:3]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_sound_and_fits_a_phone(window, served, ids, disputed, scheme):
    phone = Tab(window(viewport=PHONE, color_scheme=scheme), served)
    for path in [*every(ids), f"/predictions/{disputed}"]:
        page = phone.go(path)
        expect(page.locator("main")).not_to_be_empty()
        if path.endswith("/queue"):
            expect(page.locator("#queue-case")).to_be_visible()
        assert wide(page) <= 0, path
        assert "broken" not in page.title()
        assert page.locator("main img, main script:not([type='application/json'])").count() == 0
        light = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (light == "rgb(245, 246, 248)") == (scheme == "light")
    phone.quiet()


def test_light_and_dark_by_hand(tab, ids):
    page = tab.go("/")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    page.get_by_role("button", name="Light or dark").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    tab.go(PATH)
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_a_learner_is_created(tab, client):
    page = tab.go("/")
    page.get_by_label("Name", exact=True).fill("from the page")
    page.get_by_label("It has to be right").fill("often")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("alert").filter(has_text="percentage")).to_be_visible()
    page.get_by_label("It has to be right").fill("97.5")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="Nothing has come in yet")).to_be_visible()
    assert client.learner("from the page").settings.target == 0.975


def test_the_overview_follows_by_itself(tab, client):
    client.create("followed")
    page = tab.go("/learners/followed")
    expect(page.get_by_role("heading", name="Nothing has come in yet")).to_be_visible()
    case = client.predict("followed", "where is my card").id
    expect(page.get_by_role("heading", name="It waits for its first label")).to_be_visible()
    expect(page.get_by_role("link", name="Teach 1 case")).to_be_visible()
    client.feedback(case, label="card", source="anna")
    expect(page.get_by_role("heading", name="Still learning")).to_be_visible()
    expect(page.locator(".bars").get_by_text("anna")).to_be_visible()


def test_a_case_is_found_and_corrected(tab, client, ids):
    page = tab.go(PATH + "/cases")
    page.get_by_label("Find").fill("new card")
    expect(page.locator(".case-row")).to_have_count(1)
    page.get_by_label("State").select_option("waiting")
    expect(page.get_by_text("No case fits.")).to_be_visible()
    page.get_by_label("State").select_option("labelled")
    page.locator(".case-row a").click()
    expect(page.get_by_text("It is card.")).to_be_visible()
    page.get_by_label("The right label").fill("delivery")
    page.get_by_role("button", name="Teach").click()
    expect(page.get_by_text("It is delivery.")).to_be_visible()
    expect(page.locator(".history")).to_contain_text("delivery")
    assert client.history(ids[0]).label == "delivery"


def test_a_dispute_is_settled(tab, client, disputed):
    page = tab.go("/learners/disputed/cases")
    page.get_by_role("link", name="Settle it").click()
    page.locator(".case-row a").click()
    expect(page.get_by_role("heading", name="People disagree: you decide")).to_be_visible()
    page.get_by_role("button", name="both").click()
    expect(page.get_by_text("It is both.")).to_be_visible()
    expect(page.get_by_role("heading", name="People disagree")).to_be_hidden()
    assert client.history(disputed).status == "labelled"
    assert client.report("disputed").contested == 0


def test_try_it_teach_it_and_see_what_changed(tab, client):
    client.create("tried", seed=1)
    page = tab.go("/learners/tried/try")
    page.get_by_label("A text, or a record").fill('{"amount": 3,')
    page.get_by_role("button", name="Answer").click()
    expect(page.get_by_role("alert")).to_contain_text("opens like JSON, but line 1")
    page.get_by_label("A text, or a record").fill('{"amount": 3, "kind": "card"}')
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", name="It has nothing to go by yet")).to_be_visible()
    expect(page.locator("#notice")).to_be_empty()
    page.get_by_label("Teach it").fill("small")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Learned: small.")).to_be_visible()
    expect(page.locator(".changes li").first).to_contain_text("small")
    page.get_by_role("button", name="Answer").click()
    expect(page.get_by_role("heading", name="small", exact=True)).to_be_visible()
    assert client.learner("tried").examples == 1


def test_settings_are_kept_and_refused_in_words(tab, client):
    client.create("held")
    page = tab.go("/learners/held/settings")
    page.get_by_label("Answers it gives alone").fill("120")
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_role("alert").filter(has_text="target")).to_be_visible()
    page.get_by_label("Answers it gives alone").fill("99")
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert client.learner("held").settings.target == 0.99


def test_what_one_teaches_bears_ones_name(tab, client):
    client.create("named", seed=1)
    case = client.predict("named", "where is my card").id
    page = tab.go("/learners/named/queue")
    page.get_by_text("guest").click()
    page.get_by_label("Your name").fill("Zoë")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Zoë")).to_be_visible()
    page.get_by_role("combobox").fill("card")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing waits")).to_be_visible()
    assert client.history(case).events[-1].payload["source"] == "Zoë"


def test_what_was_said_while_the_server_was_away_arrives_once(browser, window, tmp_path):
    served = Served(tmp_path / "work.db")
    try:
        with served.client() as client:
            client.create("kept", seed=1)
            case = client.predict("kept", "where is my card").id
        tab = Tab(window(), served)
        page = tab.go("/learners/kept/queue")
        expect(page.locator(".record-text")).to_be_visible()
        assert case_on(page) == case
        served.stop()
        page.get_by_role("combobox").fill("card")
        page.keyboard.press("Enter")
        expect(page.get_by_text("The server does not answer")).to_be_visible()
        served.start()
        expect(page.get_by_text("Nothing waits")).to_be_visible()
        expect(page.get_by_text("The server does not answer")).to_be_hidden()
        with served.client() as client:
            assert client.history(case).label == "card"
            assert client.report("kept").labels_used == 1
        tab.quiet(allowed=re.compile(AWAY))
    finally:
        served.stop()
