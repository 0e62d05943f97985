"""quickstudy demo"""

import pytest

from quickstudy.demo import live, screen

USUAL = {"speed": 20.0, "seed": 0, "port": 8321, "store": None, "once": False}


@pytest.fixture
def shown(monkeypatch):
    """Settings of the demos that were to be shown."""
    calls = []
    monkeypatch.setattr(live, "show", calls.append)
    return calls


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ((), {"questions": 6_000, "target": 0.95}),
        (("--fast",), {"questions": 1_500, "target": 0.9}),
        (("--fast", "--precision", "0.8"), {"questions": 1_500, "target": 0.8}),
        (("--questions", "9", "--speed", "0"), {"questions": 9, "target": 0.95, "speed": 0.0}),
        (("--seed", "3", "--port", "9000", "--once"), {"seed": 3, "port": 9000, "once": True}),
    ],
)
def test_what_is_streamed_and_where_to(run, shown, options, settings):
    assert run("demo", *options)[0] == 0
    usual = {"questions": 6_000, "target": 0.95, **USUAL}
    assert shown == [live.LiveDemo(**{**usual, **settings})]


@pytest.mark.parametrize(
    ("option", "value"), [("--speed", "-1"), ("--port", "0"), ("--port", "65536")]
)
def test_what_makes_no_sense_is_refused(refused, shown, option, value):
    assert option.strip("-") in refused("demo", option, value)
    assert not shown


def test_a_store_that_is_there_is_refused(refused, shown, tmp_path):
    (tmp_path / "bank.db").touch()
    assert "starts from nothing" in refused("demo", "--store", tmp_path / "bank.db")


@pytest.mark.parametrize(
    ("options", "questions", "target"),
    [
        ((), 6_000, 0.95),
        (("--fast",), 1_500, 0.9),
        (("--fast", "--precision", "0.8"), 1_500, 0.8),
    ],
)
def test_how_many_questions_in_the_terminal(run, monkeypatch, tmp_path, options, questions, target):
    calls = []
    monkeypatch.setattr(screen, "watch", lambda **settings: calls.append(settings))
    page = tmp_path / "r.html"
    assert run("demo", "--terminal", "--report", page, *options)[0] == 0
    assert calls == [{"questions": questions, "target": target, "seed": 0, "report": page}]


def test_it_ends_with_a_report_and_its_path(capsys, tmp_path):
    page = tmp_path / "r.html"
    screen.watch(questions=60, target=0.95, seed=0, report=page)
    out = capsys.readouterr().out
    assert str(page) in out.replace("\n", "")
    for part in ("handled alone", "precision", "labels used", "last mistakes"):
        assert part in out
    assert page.read_text().startswith("<!doctype html>")


def test_a_place_that_cannot_be_written_is_refused_first(refused, tmp_path):
    page = tmp_path / "none" / "r.html"
    assert "cannot be written" in refused("demo", "--terminal", "--report", page)


def test_a_precision_out_of_range_is_refused(refused, tmp_path):
    page = tmp_path / "r.html"
    assert "target" in refused("demo", "--terminal", "--precision", 1.5, "--report", page)
    assert not list(tmp_path.iterdir())
