"""What the terminal says agrees with the report."""

import pytest

from quickstudy.api.decisions import CurvePoint, LearnerInfo, Policy, Report
from quickstudy.api.settings import Settings
from quickstudy.demo.settings import LiveDemo
from quickstudy.demo.status_panel import (
    Panel,
    closing_line,
    line,
    spark,
    status,
    taught_by_visitors,
    tiles,
)
from quickstudy.demo.teacher import NAME


def make_report(**changed):
    info = LearnerInfo("bank", Settings(), 0.0, 900, ("lost card", "top up"))
    given = {
        "learner": info,
        "cases": 1_200,
        "acted": 300,
        "labels_used": 905,
        "share_handled": 0.42,
        "precision": None,
        "precision_low": None,
        "precision_high": None,
        "audits": 0,
        "waiting": 12,
        "contested": 0,
        "expired": 0,
        "lag": 0,
        "policies": (Policy(0.9, 0.1, 3.0, False), Policy(0.8, 0.0, 3.0, False)),
        "alarms": 0,
        "attempt": 1,
        "curve": (CurvePoint(600, None, 0.0, 600), CurvePoint(1_200, 0.8, 0.4, 905)),
        "sources": ((NAME, 900), ("ana", 3), ("web", 2)),
        "experts": (("kernel", 1.0),),
        "seq": 3_000,
    }
    return Report(**{**given, **changed})


def test_labels_that_the_teacher_did_not_give_are_the_visitors():
    assert taught_by_visitors(make_report()) == 5


def test_precision_is_shown_with_its_interval_once_there_is_an_audit():
    assert ("-", "of its own answers right: no audits yet") in tiles(make_report())
    audited = make_report(precision=0.97, precision_low=0.94, precision_high=0.99)
    assert ("97.0%", "of its own answers right (94.0% to 99.0%)") in tiles(audited)
    assert "97.0% of those right" in line(audited)


@pytest.mark.parametrize(
    ("certified", "alarms", "said"),
    [(0, 0, "Asks about everything"), (1, 0, "policy 1 of 2"), (0, 1, "guard")],
)
def test_status_says_what_it_may_do(certified, alarms, said):
    policies = tuple(Policy(0.9, 5.0, 3.0, i < certified) for i in range(2))
    assert said in status(make_report(policies=policies, alarms=alarms))


def test_without_a_terminal_it_prints_the_page_and_ten_lines(capsys):
    with Panel("http://127.0.0.1:1", LiveDemo(questions=50)) as panel:
        for _ in range(50):
            panel.advance()
            panel.show(make_report())
    page, *lines = capsys.readouterr().out.splitlines()
    assert page == "page: http://127.0.0.1:1" and lines == [line(make_report())] * 10


def test_at_a_terminal_everything_is_in_the_panel(capsys):
    panel = Panel("http://127.0.0.1:1", LiveDemo())
    from quickstudy.console import out

    out.print(panel._drawn(make_report()))
    said = capsys.readouterr().out
    for part in ("http://127.0.0.1:1", "42%", "905", "waiting for you", "Asks about everything"):
        assert part in said


def test_it_says_how_to_go_on(tmp_path):
    assert f"--store {tmp_path}" in closing_line(tmp_path)
    assert "temporary" in closing_line(None)


def test_spark_has_a_block_for_each_stretch():
    assert spark([]) == "▁"
    assert spark([True] * 600) == "█" * 60
