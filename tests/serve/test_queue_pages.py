"""The two queues of the page, labelling and approvals, hold to one contract."""

import json
import re
from itertools import count

import pytest

TOKEN = re.compile(r'name="csrf" value="(\w+)"')
CASE = re.compile(r'data-case="(\w*)"')
FIELD = re.compile(r'name="(trail|skipped|aside)" value="([\w,]*)"')
EAGER = {"target": 0.5, "alpha": 0.5, "consolidate": False}  # acts after few labels
DECISION = {"queue": {"text": "card"}, "approve": {"verdict": "yes"}}
NUMBERS = count()


@pytest.fixture
def visit(client_of):
    """A browser: `visit(queue, learner)` opens a tab in it."""
    client = client_of()
    token = TOKEN.search(client.get("/").text)[1]
    return lambda queue, learner: Tab(client, token, f"/learners/{learner}/{queue}")


class Tab:
    """One tab with a queue; it sends along what the page tells it to."""

    def __init__(self, client, token, path):
        self.client, self.path = client, path
        self.carried = {"csrf": token, "tab": str(next(NUMBERS))}
        self.do("next")

    def do(self, act, **form):
        """What the page says once it has acted."""
        answer = self.client.post(f"{self.path}/{act}", data=self.carried | form)
        assert answer.status_code == 200, answer.text
        self.case = self.carried["id"] = CASE.search(answer.text)[1]
        self.carried |= dict(FIELD.findall(answer.text))
        return json.loads(answer.headers.get("hx-trigger", "{}")).get("said", "")


@pytest.fixture(scope="module")
def approvals(deployment):
    """A learner with many answers that wait for approval."""
    deployment.create("approvals", seed=1, start="approve", **EAGER)
    held = 0
    for _ in range(400):
        answer = deployment.predict("approvals", f"where is my new card {next(NUMBERS) % 5}")
        held += answer.held
        if not answer.held:
            deployment.feedback(answer.id, label="card", source="anna", wait_learned=True)
        if held == 12:
            return "approvals"
    raise AssertionError("too few answers were held")


@pytest.fixture(scope="module")
def labels(deployment):
    """A learner with many cases that wait for a label."""
    deployment.create("labels", seed=1)
    for i in range(12):
        deployment.predict("labels", f"where is my new card {i}")
    return "labels"


@pytest.fixture(params=["queue", "approve"])
def open_tab(request, visit, approvals, labels):
    """Opens tabs of one queue; all of them have a case."""
    learner = {"queue": labels, "approve": approvals}[request.param]
    return request.param, lambda: visit(request.param, learner)


def test_a_tab_keeps_its_case_and_another_gets_another(open_tab):
    _, opened = open_tab
    mine, yours = opened(), opened()
    assert mine.case and yours.case and mine.case != yours.case
    before = mine.case
    mine.do("next")
    assert mine.case == before
    for tab in (mine, yours):
        tab.do("skip")


def test_undo_opens_the_last_case_and_comes_back_to_the_one_put_aside(deployment, open_tab):
    queue, opened = open_tab
    tab = opened()
    first = tab.case
    assert tab.do("undo") == "Nothing to undo." and tab.case == first
    tab.do("decide", **DECISION[queue])
    second = tab.case
    assert deployment.history(first).label == "card" and second != first
    assert tab.do("undo").startswith("Opened again") and tab.case == first
    tab.do("decide", text="phone")
    assert tab.case == second and deployment.history(first).label == "phone"


def test_what_is_skipped_comes_back_last(open_tab):
    _, opened = open_tab
    tab = opened()
    seen = [tab.case]
    while (said := tab.do("skip")) == "Skipped." and tab.case not in seen:
        seen.append(tab.case)
    assert len(seen) > 2 and tab.case == seen[0] and said == "Skipped."


def test_a_case_of_another_learner_is_refused(deployment, open_tab):
    _, opened = open_tab
    tab, other = opened(), deployment.predict("cards", "my card is lost").id
    refused = tab.client.post(f"{tab.path}/decide", data=tab.carried | {"id": other, "text": "x"})
    assert refused.status_code == 404 and deployment.history(other).label is None


def test_a_check_waits_on_after_the_word_of_somebody_untrusted(deployment, visit):
    deployment.create("checked", seed=1, audit=1.0, trusted=("anna",), **EAGER)
    for _ in range(400):
        answer = deployment.predict("checked", "where is my new card")
        if answer.audit:
            break
        deployment.feedback(answer.id, label="card", source="anna", wait_learned=True)
    assert answer.audit
    tab = visit("queue", "checked")
    assert tab.case == answer.id
    said = tab.do("decide", text="card")
    assert said == "Learned: card. It still waits for somebody whose checks count."
    assert deployment.history(answer.id).status == "waiting"
    deployment.feedback(answer.id, label="card", source="anna", wait_learned=True)
    assert deployment.history(answer.id).status == "labelled"
