"""Value learners in memory: one that a failed transaction or command changed is replayed."""

import pytest
from sqlalchemy.dialects import sqlite

from quickstudy.api.settings import Settings, ValueSettings
from quickstudy.deploy.core.context import Context
from quickstudy.deploy.core.contract import Draft
from quickstudy.deploy.core.failures import OutOfServiceError
from quickstudy.deploy.hosting.learner import OutOfService
from quickstudy.deploy.hosting.transaction import HostedLearners
from quickstudy.deploy.kind import settings_to_plain
from quickstudy.deploy.runs.hosted import HostedValue, HostedValues, ReplayNeededError
from quickstudy.deploy.runs.state import ValueState
from quickstudy.errors import InputError, NotFoundError, StoreError
from quickstudy.log.events import make_event


class Log:
    """Has value learners take in drafts, as the dispatcher does."""

    def __init__(self, values):
        self.values, self.events, self.head = values, [], (7, bytes(32))

    def add(self, type, number, subject="", **payload):
        draft = Draft(type, number, actor="me", subject=subject, payload=payload)
        payload = payload | self.values.prepare(draft, self.events)
        event = make_event(
            self.head,
            type,
            time=0.0,
            learner=number,
            actor="me",
            subject=subject,
            payload=payload,
        )
        self.head = (event.seq, event.link)
        self.events.append(event)
        assert not self.values.apply(event, payload, draft)
        return event


def state():
    return ValueState.new(ValueSettings(), 1)


@pytest.fixture
def values():
    made = HostedValues(lambda number: state())
    made.register(HostedValue(1, "one", 0.0, state()))
    made.register(HostedValue(2, "two", 0.0, state()))
    made.begin()
    return made


@pytest.fixture
def classifiers():
    """One, which is not in service."""
    made = HostedLearners(start=lambda row, seq: None, roles_changed=lambda hosted: None)
    failed = OutOfServiceError("'c' cannot be made")
    made.put_out_of_service(OutOfService(3, "c", Settings(), 0.0, failed))
    return made


@pytest.fixture
def context(values, classifiers):
    return Context(b"", dialect=sqlite.dialect(), parts=[values, classifiers])


def test_only_those_that_were_changed_are_replayed(values):
    one, two = values.find("one"), values.find("two")
    Log(values).add("run_started", 1, "a", task=None)
    kept = values.state_of(two, [])
    values.committed()
    before = values.state_of(one, [])
    assert before.learner.open == ("a",)
    Log(values).add("run_started", 1, "b", task=None)
    values.undo()
    assert one.state is None and two.state is kept
    assert values.state_of(one, []) is not before and values.state_of(one, []).learner.open == ()


def test_after_a_refused_command_it_is_as_the_commands_before_left_it(values):
    one, two = values.find("one"), values.find("two")
    log = Log(values)
    log.add("run_started", 1, "a", task=None)
    kept = values.state_of(two, [])
    values.begin_command()
    log.add("run_started", 1, "b", task=None)
    del log.events[1:]
    values.rollback_command(log.events)
    assert one.state is None and two.state is kept
    found = values.state_of(one, log.events)
    assert found.learner.open == ("a",) and found.replayed == log.events[0].seq
    values.committed()
    assert one.unsaved == 1


def test_one_deleted_in_a_transaction_that_failed_is_back(values, context):
    one = values.find("one")
    Log(values).add("deleted", 1)
    with pytest.raises(NotFoundError, match="'one'; there are: c, two"):
        values.named("one", context)
    values.undo()
    assert values.named("one", context) is one


def test_one_deleted_by_a_command_that_is_refused_is_back(values, context):
    one = values.find("one")
    values.begin_command()
    Log(values).add("deleted", 1)
    values.rollback_command([])
    assert values.named("one", context) is one


def test_settings_are_those_on_disk(values):
    one = values.find("one")
    changed = settings_to_plain(ValueSettings(wait_seconds=1.0))
    event = Log(values).add("changed", 1, "one", settings=changed)
    assert one.settings == ValueSettings()
    values.committed()
    assert one.settings.wait_seconds == 1.0 and one.unsaved == 1
    assert one.state.replayed == event.seq == 8


def test_one_that_cannot_be_replayed_says_so_until_it_can(values):
    def gone(number):
        raise StoreError("the disk is gone")

    one = values.find("one")
    Log(values).add("run_started", 1, "a", task=None)
    values.undo()
    replay, values._replay = values._replay, gone
    for _ in range(2):
        values.begin()
        with pytest.raises(ReplayNeededError, match="one cannot be read again: the disk is gone"):
            values.state_of(one, [])
        assert "the disk is gone" in str(one.failed)
        values.undo()
    values._replay = replay
    assert values.state_of(one, []).replayed == 1 and one.failed is None


def test_a_value_learner_is_refused_where_a_classifier_is_wanted(context, classifiers):
    with pytest.raises(NotFoundError, match="no learner 'nobody'"):
        classifiers.in_service("nobody", context)
    with pytest.raises(InputError, match="'one' is a value learner"):
        classifiers.in_service("one", context)


def test_a_classifier_is_refused_where_a_value_learner_is_wanted(values, context):
    with pytest.raises(InputError, match="'c' is a classifier"):
        values.named("c", context)
