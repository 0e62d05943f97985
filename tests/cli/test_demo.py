"""quickstudy demo"""

import pytest

from quickstudy.demo import screen


@pytest.mark.parametrize(
    ("options", "questions", "target"),
    [
        ((), 6_000, 0.95),
        (("--fast",), 1_500, 0.9),
        (("--fast", "--precision", "0.8"), 1_500, 0.8),
    ],
)
def test_how_many_questions(run, monkeypatch, tmp_path, options, questions, target):
    calls = []
    monkeypatch.setattr(screen, "watch", lambda **settings: calls.append(settings))
    page = tmp_path / "r.html"
    assert run("demo", "--report", page, *options)[0] == 0
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
    assert "cannot be written" in refused("demo", "--report", tmp_path / "none" / "r.html")


def test_a_precision_out_of_range_is_refused(refused, tmp_path):
    assert "target" in refused("demo", "--precision", 1.5, "--report", tmp_path / "r.html")
    assert not list(tmp_path.iterdir())
