"""The roll of value learners: who was changed in a transaction that failed is made anew."""

import pytest

from quickstudy.api.settings import ValueSettings
from quickstudy.deploy.runs.hosted import HostedValue, HostedValues, ReplayNeededError
from quickstudy.deploy.runs.state import ValueState
from quickstudy.errors import InputError, NotFoundError, StoreError


def fold():
    return ValueState.new(ValueSettings(), 1)


@pytest.fixture
def roll():
    made = HostedValues(lambda number: fold())
    made.register(HostedValue(1, "one", 0.0, fold()))
    made.register(HostedValue(2, "two", 0.0, fold()))
    made.begin()
    return made


def test_only_those_that_were_changed_are_made_anew(roll):
    one, two = roll.find("one"), roll.find("two")
    roll.fold(one).start("a", {"task": None})
    kept = roll.fold(two)
    roll.begin()
    before = roll.fold(one)
    before.start("b", {"task": None})
    roll.undo()
    assert one.fold is None and two.fold is kept
    assert roll.fold(one) is not before and roll.fold(one).learner.open == ()


def test_who_left_or_changed_in_a_transaction_that_failed_is_back(roll):
    one = roll.find("one")
    roll.drop(one)
    with pytest.raises(NotFoundError, match="'one'; there are: two"):
        roll.find("one")
    roll.undo()
    assert roll.find("one") is one


def test_settings_are_those_on_disk(roll):
    one = roll.find("one")
    roll.fold(one).settings = ValueSettings(wait_seconds=1.0)
    assert one.settings == ValueSettings()
    roll.folded(one, 7)
    roll.committed()
    assert one.settings.wait_seconds == 1.0 and one.unsaved == 1 and one.fold.folded == 7


def test_one_that_cannot_be_made_anew_says_so_until_it_can(roll):
    def gone(number):
        raise StoreError("the disk is gone")

    one = roll.find("one")
    roll.fold(one)
    roll.undo()
    replay, roll._replay = roll._replay, gone
    for _ in range(2):
        roll.begin()
        with pytest.raises(ReplayNeededError, match="one cannot be read again: the disk is gone"):
            roll.fold(one)
        assert "the disk is gone" in str(one.failed)
        roll.undo()
    roll._replay = replay
    assert roll.fold(one).folded == 1 and one.failed is None


def test_a_value_learner_is_refused_where_a_classifier_is_wanted(roll):
    roll.refuse("nobody")
    with pytest.raises(InputError, match="'one' is a value learner"):
        roll.refuse("one")
