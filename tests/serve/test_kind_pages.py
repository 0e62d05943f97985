"""Every kind of learner brings what the pages ask for."""

import re

import pytest

from quickstudy.serve.dashboard.base.kinds import KINDS

TAB = re.compile(r'<a href="/learners/\w+(/\w+)?"[^>]*>([\w ]+)</a>')


@pytest.fixture(scope="module")
def learners(deployment):
    """One learner of every kind, by kind."""
    deployment.create_value("agents", budget_mb=16)
    return {info.kind: info.name for info in deployment.learners()}


def test_there_is_a_learner_of_every_kind_to_look_at(learners, client):
    assert set(learners) == set(KINDS)


@pytest.mark.parametrize("kind", ["classifier", "value"])
def test_every_tab_of_a_kind_opens_a_page_and_the_overview_names_them_all(learners, client, kind):
    name, tabs = learners[kind], KINDS[kind].tabs
    overview = client.get(f"/learners/{name}")
    nav = overview.text.split('<nav class="tabs"')[1].split("</nav>")[0]
    assert TAB.findall(nav) == [("", "Overview"), *tabs, ("/settings", "Settings")]
    for address, _ in (*tabs, ("/settings", "")):
        page = client.get(f"/learners/{name}{address}")
        assert page.status_code == 200 and 'aria-current="page"' in page.text


def test_a_page_of_another_kind_says_where_to_look(learners, client):
    page = client.get(f"/learners/{learners['value']}/queue")
    assert page.status_code == 404 and KINDS["value"].instead in page.text


def test_the_form_for_a_new_learner_offers_every_kind_with_its_fields(client):
    page = client.get("/").text
    for kind, pages in KINDS.items():
        assert f'name="kind" value="{kind}"' in page
        assert all(f'name="{field}"' in page for field in pages.new.usual)
