"""Value learners on the page: live runs, one run step by step, and making one."""

import re

import httpx
import pytest
from playwright.sync_api import expect

from quickstudy import Costs
from tests.browser.support import PHONE, Tab, wide

NAME = "agents & flows"
PATH = "/learners/agents%20%26%20flows"
HOSTILE = "<img src=x onerror=\"document.title='broken'\"> & <b>bold</b>"
ODD = "odd/run #1?"
SHARE = re.compile(r"(\d+)\s%")


def walk(client, name, id, steps, outcome=None, task="book a flight"):
    """A run of (action, error) steps, ended if there is an outcome."""
    client.start(name, task=task, id=id)
    for action, error in steps:
        seen = "it did not work" if error else f"what came of {action}"
        client.step(name, id, seen, action=action, error=error)
    if outcome is not None:
        client.end(name, id, outcome)


WELL = [("search(flights)", False), ("choose(2)", False), ("book(2)", False)]
BADLY = [("search(flights)", False), *[("book(9)", True)] * 4]


@pytest.fixture(scope="module")
def agents(client):
    """A learner with runs of every kind."""
    client.create_value(NAME, seed=1, costs=Costs(step=0.01, failure=0.5, ask=0.2), budget_mb=16)
    for i in range(12):
        walk(client, NAME, f"well {i}", WELL, 1.0)
        walk(client, NAME, f"badly {i}", BADLY, 0.0)
    walk(client, NAME, "going well", WELL[:2])
    walk(client, NAME, "going badly", BADLY, task="book a flight, again")
    walk(client, NAME, ODD, [(HOSTILE, False), ("日本語 " * 60, True)], task=HOSTILE)
    walk(client, NAME, "one-very-long-word-" * 6, [], task=None)
    return NAME


def every():
    runs = ["going%20badly", "well%203", "badly%203", "odd%2Frun%20%231%3F"]
    runs.append("one-very-long-word-" * 6)
    lists = [f"/runs?status={status}" for status in ("live", "ended", "expired")]
    return [PATH + p for p in ("", *lists, *(f"/runs/{r}" for r in runs), "/settings")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_sound_and_fits_a_phone(window, served, agents, scheme):
    phone = Tab(window(viewport=PHONE, color_scheme=scheme), served)
    for path in ["/", *every()]:
        page = phone.go(path)
        expect(page.locator("main")).not_to_be_empty()
        page.evaluate("for (const d of document.querySelectorAll('main details')) d.open = true")
        assert wide(page) <= 0, path
        assert "broken" not in page.title()
        assert page.locator("main img, main script").count() == 0
        light = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (light == "rgb(245, 246, 248)") == (scheme == "light")
    phone.quiet()


def test_no_link_leads_nowhere_and_no_tab_is_one_of_classifiers(tab, served, agents):
    seen = set()
    for path in every():
        page = tab.go(path)
        seen |= {a.get_attribute("href") for a in page.locator("a[href^='/']").all()}
        tabs = page.locator(".tabs a").all_inner_texts()
        assert tabs == ["Overview", "Runs", "Settings"]
    assert len(seen) > 20
    with httpx.Client(base_url=served.url) as visitor:
        for link in seen:
            assert visitor.get(link).status_code == 200, link


@pytest.mark.parametrize(
    "page", ["queue", "cases", "try", "autonomy", "limits", "versions", "exam"]
)
def test_a_page_of_classifiers_says_that_it_is_none_of_its_own(served, agents, page):
    said = httpx.get(f"{served.url}{PATH}/{page}")
    assert said.status_code in (404, 422) and "agents" in said.text and "runs" in said.text


def chances(page):
    """The success probabilities of a list, in its order."""
    texts = page.locator(".runs .chance b").all_inner_texts()
    return [int(SHARE.search(text)[1]) for text in texts if SHARE.search(text)]


def test_live_runs_are_listed_least_likely_first(tab, client, agents):
    page = tab.go(f"{PATH}/runs")
    found = chances(page)
    assert len(found) >= 3 and found == sorted(found)
    weakest = client.runs(NAME, status="live", limit=100)[0]
    first = page.locator(".runs a").first
    expect(first).to_contain_text(weakest.task)
    loop = page.locator(".runs a", has_text="going badly")
    expect(loop.locator(".loop")).to_have_text("in a loop")
    expect(loop).to_contain_text("5 steps")
    page.get_by_role("link", name="longest first").click()
    expect(page.locator(".runs a").first).to_contain_text("going badly")
    loop.click()
    expect(page.get_by_role("heading", name="How it went")).to_be_visible()


def test_lists_follow_by_themselves(tab, client, agents):
    page = tab.go(f"{PATH}/runs")
    expect(page.locator("#list-live")).to_contain_text("4")
    walk(client, NAME, "a newcomer", WELL[:1])
    row = page.locator(".runs a", has_text="a newcomer")
    expect(row).to_contain_text("1 step")
    client.step(NAME, "a newcomer", action="choose(2)")
    expect(row).to_contain_text("2 steps")
    client.end(NAME, "a newcomer", 0.0)
    expect(row).to_have_count(0)
    page.locator("#list-ended").click()
    expect(row).to_contain_text("failed")


def painted(page):
    """How many different colours the chart has."""
    return page.evaluate(
        """() => {
          const canvas = document.querySelector('#trajectory canvas');
          const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          const found = new Set();
          for (let i = 0; i < data.length; i += 4) {
            if (data[i + 3]) found.add(data.slice(i, i + 4).join());
          }
          return found.size;
        }"""
    )


def test_one_run_shows_the_step_that_cost_most(tab, client, agents):
    steps = client.run(NAME, "badly 11").steps
    worst = min(steps, key=lambda step: step.estimate.credit)
    page = tab.go(f"{PATH}/runs/badly%2011")
    expect(page.get_by_role("heading", name="It failed")).to_be_visible()
    tile = page.locator(".tile", has_text="Which step cost most?")
    expect(tile.locator(".figure")).to_have_text(str(worst.number))
    lost = page.locator(".steps > .lost")
    expect(lost).to_have_count(1)
    assert lost.get_attribute("data-step") == str(worst.number)
    expect(lost).to_contain_text("cost most")
    assert page.locator(".steps > li").count() == len(steps)
    looped = [step.number for step in steps if step.estimate.loop is not None]
    marked = page.locator(".steps > .looped").all()
    assert [int(row.get_attribute("data-step")) for row in marked] == looped != []
    expect(page.locator("#key-loop")).to_be_visible()
    assert painted(page) > 20
    last = steps[-1].estimate.success_probability
    expect(page.locator("#trajectory-now")).to_contain_text(
        f"step {len(steps)}: {round(100 * last)} %"
    )
    page.locator("#step-2 .step-what").hover()
    expect(page.locator("#trajectory-now")).to_contain_text("step 2:")
    expect(page.locator("#trajectory-now")).to_contain_text("book(9)")
    page.locator("#step-2 summary").click()
    votes = page.locator("#step-2 .bars li")
    expect(votes).to_have_count(len(steps[1].estimate.votes))
    expect(page.locator("#step-2")).to_contain_text("it did not work")


def test_a_live_run_follows_by_itself_and_stays_as_one_reads_it(tab, client, agents):
    walk(client, NAME, "watched", WELL[:1])
    page = tab.go(f"{PATH}/runs/watched")
    page.locator("#step-1 summary").click()
    expect(page.locator("#step-1 .step-more")).to_be_visible()
    client.step(NAME, "watched", "no seats left", action="choose(2)", error=True)
    expect(page.locator("#step-2")).to_contain_text("choose(2)")
    expect(page.locator("#step-2 .chip.wrong").first).to_have_text("error")
    assert page.locator(".steps > li").first.get_attribute("data-step") == "2"
    expect(page.locator("#step-1 .step-more")).to_be_visible()
    expect(page.locator("#trajectory-now")).to_contain_text("step 2:")
    client.end(NAME, "watched", 1.0)
    expect(page.get_by_role("heading", name="It succeeded")).to_be_visible()


def test_a_run_that_has_just_begun(tab, client, agents):
    client.start(NAME, task="a new thing", id="begun")
    page = tab.go(f"{PATH}/runs/begun")
    expect(page.get_by_role("heading", name="It has just begun")).to_be_visible()
    expect(page.get_by_text("The line begins with the first step.")).to_be_visible()
    client.step(NAME, "begun", action="look")
    expect(page.locator("#trajectory canvas")).to_be_visible()
    expect(page.locator(".steps > li")).to_have_count(1)
    client.end(NAME, "begun", 1.0)


def test_the_overview_says_how_runs_go_and_what_is_proved(tab, client, agents):
    report = client.value(NAME)
    page = tab.go(PATH)
    now = page.locator(".tile", has_text="How is it going now?")
    expect(now.locator(".figure")).to_have_text(str(report.live))
    ends = page.locator(".tile", has_text="How do runs end?")
    expect(ends.locator(".figure")).to_have_text(f"{100 * report.successes / report.ended:.0f} %")
    stop = page.locator(".tile", has_text="May it stop a run?")
    expect(stop.locator(".figure")).to_have_text("yes" if report.stopping.certified else "not yet")
    expect(stop).to_contain_text("at most 5 % would have succeeded")
    expect(page.locator(".card", has_text="Its experts").locator(".bars li")).not_to_have_count(0)
    weakest = page.locator(".card", has_text="Least likely to succeed")
    found = chances(weakest)
    assert found == sorted(found) and len(found) >= 2
    before = report.ended
    walk(client, NAME, "one more", WELL, 1.0)
    expect(ends).to_contain_text(f"of {before + 1} runs")


def test_a_pause_shows_on_every_page(tab, client, agents):
    client.pause(NAME, reason="the shop is closed")
    try:
        for path in (PATH, f"{PATH}/runs", f"{PATH}/runs/going%20well"):
            expect(tab.go(path).locator(".paused")).to_contain_text("the shop is closed")
    finally:
        client.resume(NAME)


def test_one_is_made_set_and_deleted_on_the_page(tab, client):
    page = tab.go("/")
    expect(page.get_by_label("A success is an outcome of")).to_be_hidden()
    page.get_by_label("Runs of many steps").check()
    expect(page.get_by_label("It has to be right")).to_be_hidden()
    page.get_by_label("Name", exact=True).fill("robots")
    page.get_by_label("A success is an outcome of").fill("0,5")
    page.get_by_text("What runs cost").click()
    page.get_by_label("One more step costs").fill("a little")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("alert").filter(has_text="cost of a step")).to_be_visible()
    expect(page.get_by_label("A success is an outcome of")).to_have_value("0,5")
    page.get_by_label("One more step costs").fill("0.02")
    page.get_by_label("Asking a person costs").fill("0.3")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="No run has come in yet")).to_be_visible()
    expect(page.locator("#start")).to_contain_text("/v1/learners/robots/runs")
    settings = client.learner("robots").settings
    assert (settings.success, settings.costs) == (0.5, Costs(step=0.02, ask=0.3))
    assert (settings.wait_seconds, settings.outcome_range) == (86_400.0, (0.0, 1.0))
    page.get_by_role("link", name="Settings").click()
    page.get_by_label("Of the runs it stops, at most").fill("10")
    page.get_by_label("A run without a step waits for").fill("1.5")
    page.get_by_label("Asking a person costs").fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    settings = client.learner("robots").settings
    assert (settings.stop_error, settings.wait_seconds) == (0.1, 5_400.0)
    assert settings.costs == Costs(step=0.02)
    page.get_by_label("Of the runs it stops, at most").fill("300")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert").filter(has_text="stop_error")).to_be_visible()
    page.get_by_text("Delete this learner").click()
    page.get_by_label("Name of the learner").fill("robots")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="New learner")).to_be_visible()
    assert "robots" not in {info.name for info in client.learners()}


def test_a_key_sees_its_runs_and_no_others(window, served, tmp_path):
    from tests.browser.support import Served

    with_keys = tmp_path / "work.db"
    import quickstudy

    with quickstudy.open(with_keys) as deployment:
        for name in ("mine", "theirs"):
            deployment.create_value(name, budget_mb=16)
            deployment.start(name, task=f"a task of {name}", id="x")
        _, secret = deployment.create_key("ana", "teach", ("mine",))
    guarded = Served(with_keys)
    try:
        tab = Tab(window(), guarded)
        page = tab.go("/learners/mine/runs")
        page.get_by_label("Key").fill(secret)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("a task of mine")).to_be_visible()
        for path in ("/learners/theirs", "/learners/theirs/runs", "/learners/theirs/runs/x"):
            page = tab.go(path)
            expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
            assert "a task of theirs" not in page.content()
        assert tab.go("/learners/mine/settings").get_by_role("button", name="Save").count() == 0
        tab.quiet()
    finally:
        guarded.stop()
