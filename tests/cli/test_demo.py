"""quickstudy demo"""

import pytest

from quickstudy.demo import live
from quickstudy.demo.settings import LiveDemo

USUAL = {"speed": 20.0, "seed": 0, "port": 8321, "store": None, "once": False}


@pytest.fixture
def shown(monkeypatch):
    """The settings that each demo was started with."""
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
    assert shown == [LiveDemo(**{**usual, **settings})]


@pytest.mark.parametrize(
    ("option", "value"), [("--speed", "-1"), ("--port", "0"), ("--port", "65536")]
)
def test_what_makes_no_sense_is_refused(refused, shown, option, value):
    assert option.strip("-") in refused("demo", option, value)
    assert not shown


def test_a_store_that_is_there_is_refused(refused, shown, tmp_path):
    (tmp_path / "bank.db").touch()
    assert "starts from nothing" in refused("demo", "--store", tmp_path / "bank.db")


def test_a_precision_out_of_range_is_refused(refused, shown):
    assert "target" in refused("demo", "--precision", 1.5)
    assert not shown
