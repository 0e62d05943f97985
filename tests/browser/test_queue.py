"""People teach in the queue: by hand, by keyboard, several at once, and change their minds."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.support import PHONE, Tab, case_on, ready, type_label, wide

QUESTIONS = [
    "where is my new card",
    "how do I top up by cheque",
    "the machine kept my card",
    "is there a fee for a transfer",
]


@pytest.fixture
def learner(client, request):
    name = re.sub(r"\W+", "-", request.node.name)[:60]
    client.create(name, seed=1)
    yield name
    client.delete(name)


def waiting(client, name, questions=QUESTIONS):
    return [client.predict(name, q).id for q in questions]


def opened(tab, name):
    page = tab.go(f"/learners/{name}/queue")
    expect(page.locator("#queue-case .record-text")).to_be_visible()
    ready(page)
    return page


def with_choices(tab, client, name):
    """The case again, with all labels: on a busy machine it comes before the last is learned."""
    client.flush()
    return opened(tab, name)


def teach(page, label):
    type_label(page, label)
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text(re.compile(re.escape(label)))


def test_a_new_label_is_the_answer_to_the_next_case_like_it(tab, client, learner):
    first = client.predict(learner, "where is my new card")
    page = opened(tab, learner)
    expect(page.locator(".record-text")).to_have_text("where is my new card")
    page.get_by_role("combobox").fill("card arrival")
    page.get_by_role("button", name="Teach").click()
    expect(page.get_by_text("Nothing waits")).to_be_visible()
    expect(page.locator("#today")).to_have_text("1")
    assert client.history(first.id).label == "card arrival"
    client.flush()
    assert client.predict(learner, "where is my new card please").label == "card arrival"
    expect(page.locator(".record-text")).to_have_text("where is my new card please")
    expect(page.locator(".choice").first).to_contain_text("card arrival")
    expect(page.locator(".choice").first).to_contain_text("where is my new card")


def test_by_keyboard_alone(tab, client, learner):
    ids = waiting(client, learner)
    page = opened(tab, learner)
    shown = case_on(page)
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("cards")
    page.keyboard.press("Enter")
    expect(page.locator("#queue")).not_to_have_attribute("data-case", shown)
    second = case_on(page)
    with_choices(tab, client, learner)
    expect(page.locator("#queue-case")).to_be_focused()
    assert case_on(page) == second
    page.keyboard.press("1")
    expect(page.locator("#queue")).not_to_have_attribute("data-case", second)
    ready(page)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    third = case_on(page)
    page.keyboard.press("s")
    expect(page.locator("#queue")).not_to_have_attribute("data-case", third)
    last = case_on(page)
    assert {shown, second, third, last} == set(ids)
    teach(page, "money")
    expect(page.locator("#queue")).to_have_attribute("data-case", third)
    type_label(page, "ca")
    expect(page.get_by_role("option").first).to_have_text("cards")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing waits")).to_be_visible()
    labels = {i: client.history(i).label for i in ids}
    assert labels == {shown: "cards", second: "cards", third: "cards", last: "money"}
    expect(page.locator("#today")).to_have_text("4")


def test_undo_opens_the_last_case_and_what_is_said_then_replaces_it(tab, client, learner):
    waiting(client, learner)
    page = opened(tab, learner)
    shown = case_on(page)
    teach(page, "wrong word")
    expect(page.locator("#queue")).not_to_have_attribute("data-case", shown)
    aside = case_on(page)
    with_choices(tab, client, learner)
    page.keyboard.press("u")
    expect(page.locator("#queue")).to_have_attribute("data-case", shown)
    expect(page.locator(".flag")).to_contain_text("wrong word")
    teach(page, "right word")
    expect(page.locator("#queue")).to_have_attribute("data-case", aside)
    case = client.history(shown)
    assert case.label == "right word"
    assert [e.payload["status"] for e in case.events if e.type == "feedback"] == [
        "accepted",
        "superseded",
    ]
    expect(page.locator("#today")).to_have_text("1")


def test_two_tabs_and_two_people_get_different_cases(window, served, client, learner):
    waiting(client, learner)
    mine, yours = window(), window()
    tabs = [Tab(mine, served), Tab(mine, served), Tab(yours, served)]
    seen = [case_on(opened(tab, learner)) for tab in tabs]
    assert len(set(seen)) == 3
    opened(tabs[0], learner)
    assert case_on(tabs[0].page) == seen[0], "loaded again, a tab keeps its case"
    for tab in tabs:
        tab.quiet()


def test_the_last_case_skipped_comes_back_with_a_word(tab, client, learner):
    waiting(client, learner, QUESTIONS[:1])
    page = opened(tab, learner)
    page.keyboard.press("Escape")  # out of the field, where it begins while no label is known
    expect(page.get_by_role("combobox")).not_to_be_focused()
    page.keyboard.press("s")
    expect(page.locator("#said")).to_have_text("That is the only case left.")
    expect(page.locator(".record-text")).to_have_text(QUESTIONS[0])


def test_a_check_says_what_it_answered(tab, client, learner):
    client.change(learner, target=0.5, alpha=0.5, audit=1.0)
    for _ in range(150):
        answer = client.predict(learner, "where is my new card")
        if answer.audit:
            break
        client.feedback(answer.id, label="card arrival", wait_learned=True)
    assert answer.audit
    page = opened(tab, learner)
    expect(page.locator(".flag")).to_contain_text("it answered this alone, with card arrival")
    page.keyboard.press("1")
    expect(page.get_by_text("Nothing waits")).to_be_visible()
    assert client.report(learner).audits == 1


def test_on_a_phone(window, served, client, learner):
    waiting(client, learner)
    phone = Tab(window(viewport=PHONE, has_touch=True, is_mobile=True), served)
    page = opened(phone, learner)
    first = case_on(page)
    page.get_by_role("combobox").fill(
        "a label that is longer than the screen of a phone is wide, by far"
    )
    page.get_by_role("button", name="Teach").tap()
    expect(page.locator("#queue")).not_to_have_attribute("data-case", first)
    with_choices(phone, client, learner)
    expect(page.locator(".choice")).to_have_count(1)
    assert wide(page) == 0
    assert page.locator(".choice").bounding_box()["height"] >= 48
    shown = case_on(page)
    page.locator(".choice").tap()
    expect(page.locator("#queue")).not_to_have_attribute("data-case", shown)
    phone.quiet()
