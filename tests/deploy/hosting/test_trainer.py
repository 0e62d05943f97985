"""The worker learns everything it is given, in order, and says when."""

import threading

import pytest

from quickstudy import Classifier
from quickstudy.deploy.hosting.trainer import UPDATES_AT_ONCE, Trainer
from quickstudy.deploy.hosting.updates import Update
from quickstudy.errors import StoreError
from tests.deploy.hosting.test_replicas import alike
from tests.deploy.support import SECONDS, record, truth


def updates(start, n):
    return [Update(seq, record(seq), truth(record(seq))) for seq in range(start, start + n)]


def started(*, learned=lambda trainer: None, **given):
    """A trainer of a learner that knows nothing yet."""
    return Trainer(Classifier(seed=1), version="first", seq=0, name="t", learned=learned, **given)


@pytest.fixture
def trainer():
    rounds = []
    trainer = started(
        learned=lambda trainer: rounds.append(trainer.seq),
        successor=lambda update, leaving: Classifier(seed=update.switch["seed"]),
    )
    trainer.rounds = rounds
    yield trainer
    trainer.close()


def examples(trainer):
    with trainer.replicas.reading() as learner:
        return learner.examples


def test_it_learns_all_in_the_order_of_the_log(trainer):
    alone = Classifier(seed=1)
    alone.defer_refits()
    for start in range(1, 90, 9):
        trainer.enqueue(updates(start, 9))
        for update in updates(start, 9):
            alone.learn(update.record, update.label)
    trainer.after(90).result(SECONDS)
    assert trainer.seq == 90 and trainer.lag == 0 and examples(trainer) == 90
    assert trainer.run_between(lambda: trainer.replicas.back.state_hash()).result(SECONDS) == (
        alone.state_hash()
    )
    assert trainer.rounds == sorted(set(trainer.rounds)) and trainer.rounds[-1] == 90


@pytest.mark.parametrize("seq", [1, UPDATES_AT_ONCE, 150])
def test_who_waits_for_an_event_waits_until_it_is_learned(trainer, seq):
    trainer.enqueue(updates(1, 150))
    trainer.after(seq).result(SECONDS)
    assert examples(trainer) >= seq


def test_who_waits_for_an_event_that_teaches_nothing_does_not_wait_for_ever(trainer):
    trainer.after(0).result(SECONDS)
    trainer.after(500).result(SECONDS)
    trainer.enqueue(updates(1, 3))
    trainer.after(500).result(SECONDS)
    assert examples(trainer) == 3


def test_many_may_wait_at_once(trainer):
    trainer.enqueue(updates(1, 130))
    futures = [trainer.after(seq) for seq in (130, 1, 70, 999)]
    for future in futures:
        future.result(SECONDS)
    assert examples(trainer) == 130


def test_errands_are_run_between_lessons_and_their_errors_are_for_who_sent_them(trainer):
    trainer.enqueue(updates(1, 3))
    assert trainer.run_between(threading.get_ident).result(SECONDS) != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        trainer.run_between(lambda: 1 // 0).result(SECONDS)
    trainer.enqueue(updates(4, 1))
    trainer.after(4).result(SECONDS)
    assert trainer.failed is None and examples(trainer) == 4


def test_what_is_given_before_the_end_is_learned(trainer):
    trainer.enqueue(updates(1, 200))
    trainer.close()
    assert examples(trainer) == 200 and trainer.lag == 0
    with pytest.raises(StoreError, match="out of service"):
        trainer.run_between(lambda: None).result(SECONDS)


def test_a_lesson_that_the_learner_refuses_takes_no_other_with_it(trainer):
    told = updates(1, 6)
    told[2] = Update(3, {"a": {"not": "a record"}}, "odd")
    told[4] = Update(5, record(1), "never seen", wrong=True)
    trainer.enqueue(told)
    trainer.after(6).result(SECONDS)
    assert examples(trainer) == 4 and trainer.failed is None


def test_after_an_accident_answers_go_on_and_everybody_hears_of_it(trainer, caplog):
    trainer.enqueue(updates(1, 3))
    trainer.after(3).result(SECONDS)
    broken = Update(4, record(4), label=["no", "label"], fitted="not experts")
    trainer.enqueue([broken])
    with pytest.raises(StoreError):
        trainer.after(4).result(SECONDS)
    with pytest.raises(StoreError):
        trainer.run_between(lambda: None).result(SECONDS)
    trainer.enqueue(updates(5, 1))
    with pytest.raises(StoreError):
        trainer.after(5).result(SECONDS)
    assert trainer.failed is not None and examples(trainer) == 3


def switch(seq, seed):
    return Update(seq, switch={"version": f"v{seed}", "seed": seed})


@pytest.mark.parametrize("places", [[1], [40], [80], [2, 3, 4], [1, UPDATES_AT_ONCE + 1, 79]])
def test_a_switch_comes_at_its_place_in_the_log(trainer, places):
    """What comes before it is learned by who leaves, what comes after it by who comes."""
    told = updates(1, 80)
    for seed, seq in enumerate(places, start=10):
        told[seq - 1] = switch(seq, seed)
    trainer.enqueue(told)
    trainer.after(80).result(SECONDS)
    alone = Classifier(seed=9 + len(places))
    for update in told[places[-1] :]:
        alone.learn(update.record, update.label)
    back = trainer.run_between(lambda: trainer.replicas.back.state_hash()).result(SECONDS)
    assert back == alone.state_hash() and trainer.replicas.version == f"v{9 + len(places)}"
    assert trainer.seq == 80 and trainer.lag == 0


def test_who_waits_for_a_switch_meets_the_successor(trainer):
    trainer.enqueue([*updates(1, 5), switch(6, 10)])
    trainer.after(6).result(SECONDS)
    with trainer.replicas.reading_version() as (learner, version):
        assert (version, learner.seed, learner.examples) == ("v10", 10, 0)


def test_the_successor_is_found_by_who_leaves():
    met = []

    def successor(update, leaving):
        met.append((update.seq, leaving.examples))
        return Classifier(seed=update.switch["seed"])

    trainer = started(successor=successor)
    trainer.enqueue([*updates(1, 5), switch(6, 10), *updates(7, 2), switch(9, 11)])
    trainer.close()
    assert met == [(6, 5), (9, 2)]


def test_without_a_successor_learning_stops_and_answers_go_on(trainer, caplog):
    trainer.enqueue([*updates(1, 5), Update(6, switch={"version": "v"}), *updates(7, 1)])
    with pytest.raises(StoreError, match="KeyError"):
        trainer.after(7).result(SECONDS)
    assert trainer.replicas.version == "first" and examples(trainer) == 5


def test_with_somebody_to_tell_learning_goes_on_without_what_raised():
    told = []
    trainer = started(successor=lambda update, leaving: leaving, set_aside=told.append)
    given = updates(1, 9)
    given[3] = Update(4, record(4), label=["no", "label"], fitted="not experts")
    trainer.enqueue(given)
    trainer.after(9).result(SECONDS)
    alone = Classifier(seed=1)
    for update in (*given[:3], *given[4:]):
        alone.learn(update.record, update.label)
    state = trainer.run_between(lambda: trainer.replicas.back.state_hash()).result(SECONDS)
    assert state == alone.state_hash() and trainer.run_between(
        lambda: alike(trainer.replicas)
    ).result(SECONDS)
    assert [one.seq for one in told] == [4] and list(trainer.reasons) == [4]
    assert trainer.failed is None and trainer.seq == 9
    trainer.close()
