"""What a value function does not take in: it says what is wrong, and nothing is changed."""

import math

import numpy as np
import pytest

from quickstudy import ValueFunction
from quickstudy.errors import InputError, NotFoundError, RecordError, SettingError

NAN = float("nan")
BAD_STEPS = {
    "neither input nor action": (InputError, {}),
    "action is nothing that JSON holds": (InputError, {"x": {"a": 1.0}, "action": object()}),
    "reward is not finite": (InputError, {"x": {"a": 1.0}, "reward": NAN}),
    "reward has no end": (InputError, {"x": {"a": 1.0}, "reward": math.inf}),
    "a number is not finite": (RecordError, {"x": {"a": NAN}}),
    "a field holds a dictionary": (RecordError, {"x": {"a": {"b": 1}}}),
    "a field name is no string": (RecordError, {"x": {3: 1.0}}),
    "a field name cannot be printed": (RecordError, {"x": {"a\n": 1.0}}),
    "a text cannot be encoded": (RecordError, {"x": "half a \ud800 pair"}),
    "a vector of another length": (RecordError, {"x": {"at": [1.0, 2.0, 3.0]}}),
    "a vector of words": (RecordError, {"x": ["a", "b"]}),
    "an object": (RecordError, {"x": object()}),
}


@pytest.fixture(scope="module")
def open_run():
    """A learner with a run under way."""
    v = ValueFunction(outcome_range=(-1.0, 2.0))
    for i in range(4):
        run = v.start()
        run.step({"a": float(i), "at": [3.0, 4.0]})
        if i < 3:
            run.end(1.0)
    return v


@pytest.mark.parametrize("name", BAD_STEPS)
def test_a_bad_step_is_refused_and_changes_nothing(open_run, name):
    kind, given = BAD_STEPS[name]
    before = open_run.state_hash()
    with pytest.raises(kind):
        open_run.step("r3", **given)
    if "reward" not in given:
        with pytest.raises(kind):
            open_run.check(given.get("x"), given.get("action"))
    assert open_run.state_hash() == before


@pytest.mark.parametrize(
    "given", [{"reward": "1"}, {"reward": None}, {"reward": 1e308}, {"action": "a\ud800"}]
)
def test_a_step_that_would_spoil_the_sums_is_refused(open_run, given):
    before, copy = open_run.state_hash(), open_run.copy()
    with pytest.raises(InputError):
        copy.step("r3", {"a": 1.0}, **given)
    assert copy.state_hash() == before


def test_an_action_that_cannot_be_encoded_is_refused_where_it_is_the_input(open_run):
    before, copy = open_run.state_hash(), open_run.copy()
    with pytest.raises(InputError):
        copy.step("r3", action="a\ud800")
    assert copy.state_hash() == before


@pytest.mark.parametrize("outcome", [NAN, math.inf, -1.01, 2.01])
def test_a_bad_outcome_is_refused_and_changes_nothing(open_run, outcome):
    before = open_run.state_hash()
    with pytest.raises(InputError, match="outcome"):
        open_run.end("r3", outcome)
    assert open_run.state_hash() == before


@pytest.mark.parametrize("outcome", ["1", None, [1.0], np.ones(2)])
def test_an_outcome_that_is_no_number_is_refused(open_run, outcome):
    with pytest.raises(InputError, match="outcome"):
        open_run.end("r3", outcome)


@pytest.mark.parametrize("given", [{"id": "r3"}, {"id": 5}, {"task": 7}, {"task": ["a"]}])
def test_a_bad_start_is_refused_and_changes_nothing(open_run, given):
    before = open_run.state_hash()
    with pytest.raises(InputError):
        open_run.start(**given)
    assert open_run.state_hash() == before


@pytest.mark.parametrize("given", [{"id": "\ud800"}, {"task": "\ud800"}])
def test_a_start_that_could_not_be_saved_is_refused(given):
    with pytest.raises(InputError):
        ValueFunction().start(**given)


def test_numbered_ids_make_way_for_ones_own():
    v = ValueFunction()
    v.start(id="r1")
    assert len({v.start().id for _ in range(3)} | {"r1"}) == 4


@pytest.mark.parametrize("call", ["step", "end", "expire", "run"])
def test_there_is_no_such_run(open_run, call):
    before = open_run.state_hash()
    given = {"step": ({"a": 1.0},), "end": (1.0,)}.get(call, ())
    with pytest.raises(NotFoundError, match="nobody"):
        getattr(open_run, call)("nobody", *given)
    assert open_run.state_hash() == before


BAD_SETTINGS = [
    *({"success": x} for x in (NAN, "1", None, True)),
    *({"discount": x} for x in (0.0, 1.1, -1.0, NAN)),
    *({"outcome_range": x} for x in ((1.0, 0.0), (0.0, 0.0), (0.0,), (0.0, math.inf), 5, None)),
    *({"stop_error": x} for x in (0.0, 1.0, -0.1, NAN)),
    *({"alpha": x} for x in (0.0, 1.0, NAN)),
    *({"audit": x} for x in (0.0, 1.1, NAN)),
    *({"most_open": x} for x in (0, -1, 2.0, 10**7, True)),
    *({"trace": x} for x in (-0.1, 1.1, NAN)),
    *({"budget_mb": x} for x in (15, 0, NAN, "64", 100_000)),
    *({"seed": x} for x in (-1, 1.0, None)),
    *({"costs": x} for x in ({"step": -1.0}, {"help": 1.1}, {"other": 1.0}, {"failure": NAN})),
    {"schema": {"a": "colour"}},
]


@pytest.mark.parametrize("given", BAD_SETTINGS, ids=str)
def test_settings_out_of_their_range_are_refused_by_name(given):
    with pytest.raises(SettingError, match=next(iter(given))):
        ValueFunction(**given)


def test_a_seed_that_no_coin_can_be_tossed_with_is_refused():
    with pytest.raises(SettingError, match="seed"):
        ValueFunction(seed=2**130)


@pytest.mark.parametrize(
    "given", [{"stop_error": 0.0}, {"most_open": 0}, {"costs": {"step": -1.0}, "most_open": 5}]
)
def test_a_bad_change_changes_nothing(open_run, given):
    before = open_run.state_hash()
    with pytest.raises(SettingError):
        open_run.change(**given)
    assert open_run.state_hash() == before
