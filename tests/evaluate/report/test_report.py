"""Reports need nothing from elsewhere, show what was measured, and let nobody's data in as HTML."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from quickstudy.evaluate.data.columns import column_of
from quickstudy.evaluate.measures import measure
from quickstudy.evaluate.prequential import evaluate
from quickstudy.evaluate.report.charts import Line, line_chart, reliability_chart
from quickstudy.evaluate.report.page import html_table
from quickstudy.evaluate.report.report import evaluation_report
from quickstudy.stats.calibration import reliability
from tests.evaluate.peers.standin import Shares

NASTY = "<script>alert('x')</script>&"


@pytest.fixture(scope="module")
def page():
    rng = np.random.default_rng(0)
    labels = [["up", "down", NASTY][i] for i in rng.choice(3, 600, p=[0.5, 0.3, 0.2])]
    outcome = evaluate(Shares(), list(range(600)), labels)
    late = evaluate(Shares(), list(range(600)), labels, delay=20)
    columns = (column_of(NASTY, [1.0, None]), column_of("city", [NASTY]))
    peers = {"river.ARF": (late, measure(late))}
    return evaluation_report(NASTY, columns, outcome, figures=measure(outcome), peers=peers)


def test_nothing_is_fetched_and_no_script_runs(page):
    assert "<script" not in page and "<link" not in page and "@import" not in page
    links = set(re.findall(r"(?:href|src)=\"([^\"]*)\"", page))
    assert all(link.startswith("#") for link in links)
    assert "default-src 'none'" in page


def test_every_chart_is_there_with_a_peer_beside(page):
    assert page.count("<svg") == 4
    assert page.count("river.ARF") == 2


def test_figures_are_those_measured(page):
    assert "from nothing" in page and "600 examples" in page
    assert re.search(r"calibration error</span>", page)


def test_page_follows_light_and_dark(page):
    assert "prefers-color-scheme: dark" in page
    assert set(re.findall(r"var\(--(\w+)\)", page)) <= set(re.findall(r"--(\w+):", page))


@pytest.mark.parametrize(
    "svg",
    [
        line_chart([Line("a", np.linspace(0, 1, 9), "blue")]),
        line_chart([Line("a", np.full(1, 0.5), "blue", dashed=True)], percent=False),
        reliability_chart(reliability(np.linspace(0, 1, 90), np.arange(90) % 3 > 0)),
    ],
)
def test_charts_are_whole_pictures_in_the_pages_colours(svg):
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert "#0a1b" not in svg and "var(--blue)" in svg
    assert "<metadata>" not in svg and "DejaVu" not in svg


def test_tables_escape_their_cells():
    table = html_table(["a", "b"], [[NASTY, "1"]], numbers=[1], ours=0)
    assert "<script" not in table and "&lt;script&gt;" in table and 'class="ours"' in table
