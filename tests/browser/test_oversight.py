"""People hold the reins: autonomy, approvals, limits, the brake, versions, exam, sources."""

import re

import httpx
import pytest
from playwright.sync_api import expect

from quickstudy.serve.dashboard.mount import CONTROL, PEOPLE
from tests.browser.support import PHONE, Tab, case_on, ready, type_label, wide

TEXTS = ["where is my new card", "the top up did not work", "I want my money back"]
LABELS = ["card", "top up", "refund"]
PAGES = ("autonomy", "limits", "versions", "exam", "sources", "approve", "queue")


def taught(client, name, count=15, **settings):
    """A learner that three people taught; the ids of its cases."""
    client.create(name, seed=1, consolidate=False, **settings)
    ids = []
    for i in range(count):
        ids.append(client.predict(name, f"{TEXTS[i % 3]} {i}").id)
        client.feedback(ids[-1], label=LABELS[i % 3], source=["anna", "ben", "carl"][i % 2])
    client.flush()
    return ids


@pytest.fixture(scope="module")
def bank(client):
    """A learner with a challenger, a pin and limits."""
    ids = taught(client, "overseen")
    client.pin("overseen", prediction_id=ids[0], label="card")
    client.challenge("overseen", reason="to see what it makes of it")
    return "overseen", ids


@pytest.fixture(scope="module")
def held(client):
    """A learner with answers that wait for a yes."""
    name = "approved"
    client.create(name, seed=1, target=0.5, alpha=0.5, start="approve", consolidate=False)
    waiting = []
    for i in range(400):
        answer = client.predict(name, f"{TEXTS[0]} {i % 5}")
        if answer.held:
            waiting.append(answer.id)
        else:
            client.feedback(answer.id, label="card", source="anna", wait_learned=True)
        if len(waiting) == 7:
            break
    assert len(waiting) == 7
    return name, waiting


def on(tab, name, page):
    return tab.go(f"/learners/{name}/{page}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_sound_and_fits_a_phone(window, served, bank, scheme):
    phone = Tab(window(viewport=PHONE, color_scheme=scheme), served)
    for path in [f"/learners/{bank[0]}/{p}" for p in PAGES]:
        page = phone.go(path)
        expect(page.locator("main")).not_to_be_empty()
        page.evaluate("for (const d of document.querySelectorAll('main details')) d.open = true")
        if path.endswith("/exam"):
            expect(page.locator("#sheet")).not_to_contain_text("Running the exam")
        if path.endswith(("/approve", "/queue")):
            expect(page.locator("#queue-case .record-text, #queue-case.done").first).to_be_visible()
        assert wide(page) <= 0, path
        light = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (light == "rgb(245, 246, 248)") == (scheme == "light")
    phone.quiet()


def test_nothing_is_done_without_the_token_of_a_page(served, bank):
    routes = [r for part in (*PEOPLE, *CONTROL) for r in part.router.routes if "POST" in r.methods]
    assert len(routes) > 20
    binary = {"content-type": "application/octet-stream"}
    with httpx.Client(base_url=served.url) as elsewhere:
        for route in routes:
            path = re.sub(r":\w+}", "}", route.path).format(name=bank[0], id=bank[1][0])
            sent = {"headers": binary} if path.endswith("/model") else {"data": {"csrf": "0" * 64}}
            assert elsewhere.post(path, **sent).status_code == 403, path


def test_promote_in_spite_of_a_condition_and_roll_back(tab, client, bank):
    name, _ = bank
    challenger = next(v.id for v in client.versions(name) if v.role == "challenger")
    page = on(tab, name, "versions")
    expect(page.locator(".checks li")).to_have_count(5)
    expect(page.locator(".checks .open").first).to_be_visible()
    page.get_by_text("Promote…").click()
    boxes = page.get_by_role("checkbox", name=re.compile("[Bb]etter|group|exam|rules|simple"))
    for box in boxes.all():
        box.check()
    page.get_by_role("button", name="Promote anyway").click()
    expect(page.get_by_role("alert").filter(has_text="say why")).to_be_visible()
    expect(boxes.first).to_be_checked()
    page.locator("#promote-reason").fill("seen by the whole team")
    page.get_by_role("button", name="Promote anyway").click()
    expect(page.get_by_text("Promoted: it answers from now on.")).to_be_visible()
    assert next(v.id for v in client.versions(name) if v.role == "champion") == challenger
    page.get_by_text("Roll back…").click()
    page.get_by_role("button", name="Roll back", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text="say why")).to_be_visible()
    page.locator("#rollback-reason").fill("second thoughts")
    page.get_by_role("button", name="Roll back", exact=True).click()
    expect(page.get_by_text("Rolled back: the version before")).to_be_visible()
    expect(page.locator(".timeline")).to_contain_text("second thoughts")
    assert next(v.id for v in client.versions(name) if v.role == "champion") != challenger
    page.get_by_label("Who answered at").fill("2020-01-01T12:00")
    page.get_by_role("button", name="Look").click()
    expect(page.get_by_text("was not there")).to_be_visible()
    page.get_by_label("Who answered at").fill("2100-01-01T12:00")
    page.get_by_role("button", name="Look").click()
    champion = next(v.id for v in client.versions(name) if v.role == "champion")
    expect(page.get_by_text(f"Then version {champion[:8]} answered.")).to_be_visible()
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("#diff")).to_contain_text(re.compile("differ|right"))


def test_a_challenger_from_a_file_and_its_withdrawal(tab, client, tmp_path):
    from quickstudy import Classifier

    taught(client, "filed", 6)
    model = Classifier(seed=2)
    for i in range(12):
        model.learn(f"{TEXTS[i % 3]} {i}", LABELS[i % 3])
    model.save(tmp_path / "pilot.qs")
    page = on(tab, "filed", "versions")
    page.get_by_text("Make a challenger…").click()
    page.get_by_label("from a model file").check()
    page.get_by_role("button", name="Put it in shadow").click()
    expect(page.get_by_role("alert").filter(has_text="choose a model file")).to_be_visible()
    page.get_by_label("from a model file").check()
    page.locator("#model").set_input_files(tmp_path / "pilot.qs")
    page.locator("#challenge-reason").fill("from the pilot")
    page.get_by_role("button", name="Put it in shadow").click()
    expect(page.get_by_role("heading", name="The challenger")).to_be_visible()
    expect(page.locator(".timeline")).to_contain_text("from the pilot")
    page.get_by_text("Withdraw…").click()
    page.get_by_role("button", name="Withdraw", exact=True).click()
    expect(page.get_by_text("The challenger was withdrawn.")).to_be_visible()
    assert client.gate("filed") is None or client.gate("filed").purpose == "probation"


def test_pause_from_any_page_and_resume(tab, client, bank):
    name, ids = bank
    page = tab.go(f"/predictions/{ids[0]}")
    page.get_by_label("Pause", exact=True).click()
    page.get_by_label("Why (others will read it)").fill("look at the refunds")
    page.get_by_role("button", name="Pause now").click()
    strip = page.locator(".paused")
    expect(strip).to_contain_text(f"{name} is paused: everything is asked")
    expect(strip).to_contain_text("look at the refunds")
    answer = client.predict(name, TEXTS[0])
    assert answer.decision == "ask" and "pause" in (answer.limit + answer.reason).lower()
    for path in (f"/learners/{name}", f"/learners/{name}/try", "/"):
        expect(tab.go(path).locator(".paused")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".paused")).to_have_count(0)
    assert client.pauses() == []


def test_all_are_paused_and_an_open_page_shows_it(window, served, tab, client, bank):
    other = Tab(window(), served)
    on(other, bank[0], "queue")
    page = tab.go("/")
    page.get_by_label("Pause", exact=True).click()
    page.get_by_role("button", name="Pause all learners").click()
    expect(page.locator(".paused")).to_contain_text("All learners are paused")
    watched = other.go(f"/learners/{bank[0]}")
    expect(watched.locator(".paused")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".paused")).to_have_count(0)
    expect(watched.locator(".paused")).to_have_count(0)  # it notices by itself
    other.quiet()


def test_approve_correct_and_refuse_by_keyboard(tab, client, held):
    name, waiting = held
    page = on(tab, name, "autonomy")
    page.get_by_role("link", name=re.compile("to approve")).click()
    shown = []
    for key in ("y", "x", "n"):
        expect(page.locator("#queue-case .proposal")).to_contain_text("card")
        expect(page.locator("#queue-case")).to_be_focused()
        shown.append(case_on(page))
        if key == "n":
            type_label(page, "a lost one")
            key = "Enter"
        page.keyboard.press(key)
        expect(page.locator("#queue")).not_to_have_attribute("data-case", shown[-1])
    assert shown == waiting[:3]
    cases = [client.history(i) for i in shown]
    assert [case.label for case in cases] == ["card", None, "a lost one"]
    assert [case.events[-1].payload["wrong"] for case in cases] == [False, True, True]
    expect(page.locator("#today")).to_have_text("3")
    ready(page)
    page.keyboard.press("s")
    expect(page.locator("#queue")).to_have_attribute("data-case", waiting[4])
    ready(page)
    page.keyboard.press("1")
    expect(page.locator("#queue")).to_have_attribute("data-case", waiting[5])
    ready(page)
    page.keyboard.press("u")
    expect(page.locator("#queue")).to_have_attribute("data-case", waiting[4])
    expect(page.locator(".flag")).to_contain_text("Its label so far is")


def test_approve_on_a_phone(window, served, client, held):
    phone = Tab(window(viewport=PHONE, has_touch=True, is_mobile=True), served)
    page = on(phone, held[0], "approve")
    expect(page.locator(".proposal")).to_be_visible()
    assert wide(page) <= 0
    yes = page.get_by_role("button", name="Yes")
    assert yes.bounding_box()["height"] >= 48
    shown = case_on(page)
    yes.tap()
    expect(page.locator("#said")).to_have_text("Approved: card.")
    expect(page.locator("#queue")).not_to_have_attribute("data-case", shown)
    assert client.history(shown).label == "card"
    phone.quiet()


def test_pin_a_case_and_run_the_exam(tab, client, bank):
    name, ids = bank
    page = tab.go(f"/predictions/{ids[2]}")
    page.get_by_text("Pin this case to the exam").click()
    page.get_by_text("should: no more").click()
    page.get_by_role("button", name="Pin: refund").click()
    expect(page.locator("#said")).to_have_text(
        "Pinned: refund. Every version has to give this answer."
    )
    page = on(tab, name, "exam")
    expect(page.locator(".pins > li")).to_have_count(2)
    expect(page.locator(".pins")).to_contain_text("should pass")
    page.get_by_role("button", name="Run it again").click()
    expect(page.locator("#said")).to_have_text(re.compile("passes"))
    page.get_by_text("Pin a case", exact=True).click()
    page.get_by_label("A text, or a record").fill("my phone is gone")
    page.get_by_label("The right answer").fill("phone")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Pinned.")).to_be_visible()
    failed = page.locator(".pins > li").filter(has_text="my phone is gone")
    expect(failed).to_contain_text("✗")
    failed.get_by_role("button").click()
    expect(page.get_by_text("Taken off the exam.")).to_be_visible()
    expect(page.locator(".pins > li")).to_have_count(2)


def test_pins_from_a_file(tab, client):
    taught(client, "examined", 6)
    page = on(tab, "examined", "exam")
    many = page.get_by_text("Pin many, from a file")
    many.click()
    bad = {"name": "cases.csv", "mimeType": "text/csv", "buffer": b"text,answer\nhello,card\n"}
    page.get_by_label("File", exact=True).set_input_files(bad)
    page.get_by_role("button", name="Pin them").click()
    told = page.get_by_role("alert").filter(has_text="cases.csv: has no column 'label'")
    expect(told).to_be_visible()
    rows = b"text,label,bound\nwhere is my card,card,must\nmoney please,refund,should\n"
    page.get_by_label("File", exact=True).set_input_files({**bad, "buffer": rows})
    page.get_by_role("button", name="Pin them").click()
    expect(page.get_by_text("2 in all")).to_be_visible()
    found = {(p.record, p.label, p.bound) for p in client.exam("examined").pins}
    assert found == {("where is my card", "card", "must"), ("money please", "refund", "should")}


def test_limits_are_kept_and_refused_beside_the_field(tab, client, bank):
    name, _ = bank
    page = on(tab, name, "limits")
    page.get_by_label("Never act when").fill("amount >")
    page.get_by_label("Actions in any minute").fill("many")
    page.get_by_role("button", name="Save", exact=True).last.click()
    rule = page.locator(".row").filter(has=page.get_by_label("Never act when")).first
    expect(rule.get_by_role("alert")).to_contain_text("expected a value")
    expect(page.locator("#per-minute-problem")).to_contain_text("'many' is no number")
    expect(page.get_by_label("Never act when").first).to_have_value("amount >")
    page.get_by_label("Never act when").first.fill('amount > 500 and label == "refund"')
    page.get_by_role("button", name="Another rule").click()
    page.keyboard.type('contains(text, "lawyer")')
    page.get_by_label("Actions in any minute").fill("30")
    page.get_by_label("When", exact=True).fill('country == "CH"')
    page.get_by_label("Only these labels").fill("card, top up")
    page.get_by_label("Label", exact=True).fill("refund")
    page.get_by_label("Cost", exact=True).fill("25")
    page.get_by_label("Cost of what it does").fill("500")
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    limits = client.limits(name).limits
    assert limits.never == ('amount > 500 and label == "refund"', 'contains(text, "lawyer")')
    assert (limits.allowed[0].when, limits.allowed[0].labels) == (
        'country == "CH"',
        ("card", "top up"),
    )
    assert (limits.per_minute, limits.costs, limits.spend_per_day) == (
        30,
        (("refund", 25.0),),
        500.0,
    )


def test_the_ceiling_and_whom_to_trust(tab, client, bank):
    name, _ = bank
    page = on(tab, name, "autonomy")
    page.get_by_label("It may rise to at most").select_option("suggest")
    page.get_by_label("Before it acts alone, people approve").fill("some")
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_role("alert").filter(has_text="whole number")).to_be_visible()
    page.get_by_label("It may rise to at most").select_option("suggest")
    page.get_by_label("Before it acts alone, people approve").fill("40")
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.locator(".ladder")).to_contain_text("above the ceiling")
    settings = client.learner(name).settings
    assert (settings.ceiling, settings.approvals) == ("suggest", 40)
    page = on(tab, name, "sources")
    anna = page.locator(".sources > li").filter(has_text="anna")
    anna.get_by_role("button", name="Trust", exact=True).click()
    expect(anna).to_contain_text("trusted")
    assert client.learner(name).settings.trusted == ("anna",)
