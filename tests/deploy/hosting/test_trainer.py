"""The worker learns everything it is given, in order, and says when."""

import threading

import pytest

from quickstudy import Classifier
from quickstudy.deploy.hosting.trainer import LESSONS_AT_ONCE, Worker
from quickstudy.deploy.hosting.updates import Lesson
from quickstudy.errors import StoreError
from tests.deploy.support import SECONDS, record, truth


def lessons(start, n):
    return [Lesson(seq, record(seq), truth(record(seq))) for seq in range(start, start + n)]


@pytest.fixture
def worker():
    rounds = []
    worker = Worker(
        Classifier(seed=1),
        version="first",
        seq=0,
        name="t",
        learned=lambda worker: rounds.append(worker.seq),
        successor=lambda lesson, leaving: Classifier(seed=lesson.switch["seed"]),
    )
    worker.rounds = rounds
    yield worker
    worker.close()


def examples(worker):
    with worker.twins.reading() as learner:
        return learner.examples


def test_it_learns_all_in_the_order_of_the_log(worker):
    alone = Classifier(seed=1)
    alone.defer_refits()
    for start in range(1, 90, 9):
        worker.give(lessons(start, 9))
        for lesson in lessons(start, 9):
            alone.learn(lesson.record, lesson.label)
    worker.after(90).result(SECONDS)
    assert worker.seq == 90 and worker.lag == 0 and examples(worker) == 90
    assert worker.errand(lambda: worker.twins.resting.state_hash()).result(SECONDS) == (
        alone.state_hash()
    )
    assert worker.rounds == sorted(set(worker.rounds)) and worker.rounds[-1] == 90


@pytest.mark.parametrize("seq", [1, LESSONS_AT_ONCE, 150])
def test_who_waits_for_an_event_waits_until_it_is_learned(worker, seq):
    worker.give(lessons(1, 150))
    worker.after(seq).result(SECONDS)
    assert examples(worker) >= seq


def test_who_waits_for_an_event_that_teaches_nothing_does_not_wait_for_ever(worker):
    worker.after(0).result(SECONDS)
    worker.after(500).result(SECONDS)
    worker.give(lessons(1, 3))
    worker.after(500).result(SECONDS)
    assert examples(worker) == 3


def test_many_may_wait_at_once(worker):
    worker.give(lessons(1, 130))
    futures = [worker.after(seq) for seq in (130, 1, 70, 999)]
    for future in futures:
        future.result(SECONDS)
    assert examples(worker) == 130


def test_errands_are_run_between_lessons_and_their_errors_are_for_who_sent_them(worker):
    worker.give(lessons(1, 3))
    assert worker.errand(threading.get_ident).result(SECONDS) != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        worker.errand(lambda: 1 // 0).result(SECONDS)
    worker.give(lessons(4, 1))
    worker.after(4).result(SECONDS)
    assert worker.failed is None and examples(worker) == 4


def test_what_is_given_before_the_end_is_learned(worker):
    worker.give(lessons(1, 200))
    worker.close()
    assert examples(worker) == 200 and worker.lag == 0
    with pytest.raises(StoreError, match="off duty"):
        worker.errand(lambda: None).result(SECONDS)


def test_a_lesson_that_the_learner_refuses_takes_no_other_with_it(worker):
    told = lessons(1, 6)
    told[2] = Lesson(3, {"a": {"not": "a record"}}, "odd")
    told[4] = Lesson(5, record(1), "never seen", wrong=True)
    worker.give(told)
    worker.after(6).result(SECONDS)
    assert examples(worker) == 4 and worker.failed is None


def test_after_an_accident_answers_go_on_and_everybody_hears_of_it(worker, caplog):
    worker.give(lessons(1, 3))
    worker.after(3).result(SECONDS)
    broken = Lesson(4, record(4), label=["no", "label"], fitted="not experts")
    worker.give([broken])
    with pytest.raises(StoreError):
        worker.after(4).result(SECONDS)
    with pytest.raises(StoreError):
        worker.errand(lambda: None).result(SECONDS)
    worker.give(lessons(5, 1))
    with pytest.raises(StoreError):
        worker.after(5).result(SECONDS)
    assert worker.failed is not None and examples(worker) == 3


def switch(seq, seed):
    return Lesson(seq, switch={"version": f"v{seed}", "seed": seed})


@pytest.mark.parametrize("places", [[1], [40], [80], [2, 3, 4], [1, LESSONS_AT_ONCE + 1, 79]])
def test_a_switch_comes_at_its_place_in_the_log(worker, places):
    """What comes before it is learned by who leaves, what comes after it by who comes."""
    told = lessons(1, 80)
    for seed, seq in enumerate(places, start=10):
        told[seq - 1] = switch(seq, seed)
    worker.give(told)
    worker.after(80).result(SECONDS)
    alone = Classifier(seed=9 + len(places))
    for lesson in told[places[-1] :]:
        alone.learn(lesson.record, lesson.label)
    resting = worker.errand(lambda: worker.twins.resting.state_hash()).result(SECONDS)
    assert resting == alone.state_hash() and worker.twins.version == f"v{9 + len(places)}"
    assert worker.seq == 80 and worker.lag == 0


def test_who_waits_for_a_switch_meets_the_successor(worker):
    worker.give([*lessons(1, 5), switch(6, 10)])
    worker.after(6).result(SECONDS)
    with worker.twins.reading() as learner:
        assert (worker.twins.version, learner.seed, learner.examples) == ("v10", 10, 0)


def test_the_successor_is_found_by_who_leaves():
    met = []

    def successor(lesson, leaving):
        met.append((lesson.seq, leaving.examples))
        return Classifier(seed=lesson.switch["seed"])

    worker = Worker(
        Classifier(seed=1),
        version="first",
        seq=0,
        name="t",
        learned=lambda worker: None,
        successor=successor,
    )
    worker.give([*lessons(1, 5), switch(6, 10), *lessons(7, 2), switch(9, 11)])
    worker.close()
    assert met == [(6, 5), (9, 2)]


def test_without_a_successor_learning_stops_and_answers_go_on(worker, caplog):
    worker.give([*lessons(1, 5), Lesson(6, switch={"version": "v"}), *lessons(7, 1)])
    with pytest.raises(StoreError, match="KeyError"):
        worker.after(7).result(SECONDS)
    assert worker.twins.version == "first" and examples(worker) == 5


def test_with_somebody_to_tell_learning_goes_on_without_what_raised():
    told = []
    worker = Worker(
        Classifier(seed=1),
        version="first",
        seq=0,
        name="t",
        learned=lambda worker: None,
        successor=lambda lesson, leaving: leaving,
        set_aside=told.append,
    )
    given = lessons(1, 9)
    given[3] = Lesson(4, record(4), label=["no", "label"], fitted="not experts")
    worker.give(given)
    worker.after(9).result(SECONDS)
    alone = Classifier(seed=1)
    for lesson in (*given[:3], *given[4:]):
        alone.learn(lesson.record, lesson.label)
    state = worker.errand(lambda: worker.twins.resting.state_hash()).result(SECONDS)
    assert state == alone.state_hash() and not worker.errand(worker.twins.differ).result(SECONDS)
    assert [one.seq for one in told] == [4] and list(worker.reasons) == [4]
    assert worker.failed is None and worker.seq == 9
    worker.close()
