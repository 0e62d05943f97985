"""A store of an older quickstudy opens, goes on, and keeps what it had: made by commit c685e45."""

import pytest

import quickstudy
from quickstudy import Feedback
from tests.deploy.older import unpack

CHAMPION, PREVIOUS = "f3f3549a03406710700a1640cc9209da", "5c8dbb2fd78bbfb8762f3638c36723c7"
RUNS = "1e865d67e82388a5d9e3d2356530dadd"
LARGE, SMALL = {"amount": 400.0, "country": "DE"}, {"amount": 20.0, "country": "IT"}


@pytest.fixture
def old(tmp_path):
    return unpack(tmp_path)


def wrong(findings):
    return [f for f in findings if not f.ok]


def test_all_its_learners_are_in_service_and_the_doctor_has_nothing_to_say(old):
    with quickstudy.open(old) as store:
        assert [info.name for info in store.learners()] == ["pay", "runs", "tick"]
        assert not any(info.out_of_service for info in store.learners())
        assert wrong(store.doctor()) == []
        assert store.predict("pay", LARGE).label == "fraud"
        assert store.predict("pay", SMALL).label == "ok"
        assert store.predict("tick", "where is my card number 6").label == "l0"
        assert store.state_hash("runs") == RUNS
        assert store.limits("pay").limits.never == ("amount > 100000",)


def test_its_champion_is_the_one_that_was_promoted_and_may_be_rolled_back(old):
    with quickstudy.open(old) as store:
        roles = {version.id: version.role for version in store.versions("pay")}
        assert roles == {CHAMPION: "champion", PREVIOUS: "previous"}
        store.rollback("pay", reason="a test")
        store.flush()
        assert store.predict("pay", LARGE).label == "fraud"
        assert wrong(store.doctor()) == []


def test_what_it_learns_now_is_there_after_a_restart(old):
    with quickstudy.open(old) as store:
        for amount in range(60):
            answer = store.predict("pay", {"amount": 10.0 * amount, "country": "FR"})
            label = "fraud" if amount > 12 else "ok"
            store.feedback_many([Feedback(prediction_id=answer.id, label=label)])
        store.flush()
        before = {name: store.state_hash(name) for name in ("pay", "tick", "runs")}
    with quickstudy.open(old) as store:
        assert {name: store.state_hash(name) for name in before} == before
        assert wrong(store.doctor()) == []


def test_without_snapshots_the_log_alone_brings_it_back(old):
    for path in old.with_name("old.db.d").glob("learner-*/snapshot-*"):
        path.unlink()
    with quickstudy.open(old) as store:
        assert not any(info.out_of_service for info in store.learners())
        assert store.predict("pay", LARGE).label == "fraud"
        assert wrong(store.doctor()) == []
