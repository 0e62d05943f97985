"""Every feedback has one answer, counts at most once, and teaches what it says."""

import time

import pytest

import quickstudy
from quickstudy import Feedback
from quickstudy.errors import InputError, LabelError, NotFoundError, RecordError
from tests.deploy.support import (
    EASY,
    acted,
    expire,
    learned,
    record,
    statuses,
    tally,
    train,
    truth,
    types,
)

X = {"a": 1, "b": "red"}
CIRCLES = (("ana", "x"), ("ben", "y"), ("ana", "z"), ("ben", "x"))  # three changes, two sources


@pytest.fixture
def case(deployment):
    return deployment.predict("t", X).id


def say(deployment, case, *words):
    """Statuses of feedbacks, each (source, label) under a key of its own."""
    return [
        deployment.feedback(case, label=label, source=source, key=f"{source} {label} {i}").status
        for i, (source, label) in enumerate(words)
    ]


def test_the_first_word_is_learned_and_counts(deployment, case):
    assert tally(deployment, "t") == (1, 0, 0)
    receipt = deployment.feedback(case, label="x", source="ana", wait_learned=True)
    assert (receipt.status, receipt.counted, receipt.learner) == ("accepted", True, "t")
    assert deployment.events(after=receipt.seq - 1)[0].subject == case
    assert deployment.history(case).status == "labelled" and deployment.history(case).label == "x"
    assert tally(deployment, "t") == (0, 0, 0)
    assert deployment.predict("t", X).label == "x" and learned(deployment, "t") == 1


@pytest.mark.parametrize("key", [None, "k1"])
def test_sent_again_it_gets_the_answer_it_got_also_after_a_restart(path, key):
    with quickstudy.open(path) as deployment:
        deployment.create("t", seed=1)
        case = deployment.predict("t", X).id
        given = {"label": "x", "source": "ana", "key": key}
        first = deployment.feedback(case, **given)
        again = [deployment.feedback(case, **given) for _ in range(4)]
        deployment.flush()
        before = deployment.report("t"), len(deployment.events())
    with quickstudy.open(path) as deployment:
        again.append(deployment.feedback(case, **given))
        assert (deployment.report("t"), len(deployment.events())) == before
        assert learned(deployment, "t") == 1
    for receipt in again:
        assert receipt.status == "repeated"
        assert (receipt.seq, receipt.counted) == (first.seq, first.counted)
        assert (receipt.prediction_id, receipt.learner) == (case, "t")


def test_the_same_word_under_another_key_changes_nothing(deployment, case):
    first = deployment.feedback(case, label="x", source="ana", key="k1")
    again = deployment.feedback(case, label="x", source="ana", key="k2")
    assert (again.status, again.seq) == ("repeated", first.seq)
    assert learned(deployment, "t") == 1 and types(deployment).count("feedback") == 1


def test_a_key_stands_for_one_feedback(deployment, case):
    deployment.feedback(case, label="x", source="ana", key="k1")
    seen = len(deployment.events())
    for other in ({"label": "y"}, {"correct": False}):
        with pytest.raises(InputError, match="k1"):
            deployment.feedback(case, **other, source="ana", key="k1")
    twice = [Feedback("p_a", label=y, source="ana", key="k2") for y in "xy"]
    with pytest.raises(InputError, match="k2"):
        deployment.feedback_many(twice)
    assert len(deployment.events()) == seen
    assert deployment.feedback(case, label="y", source="ben", key="k1").status == "conflicting"


def test_a_correction_supersedes_and_both_stay_in_the_history(deployment, case):
    receipts = [deployment.feedback(case, label=y, source="ana") for y in "xy"]
    assert [r.status for r in receipts] == ["accepted", "superseded"]
    assert [r.counted for r in receipts] == [True, False]
    found = deployment.history(case)
    assert found.label == "y"
    assert [e.payload["label"] for e in found.events if e.type == "feedback"] == ["x", "y"]
    deployment.flush()
    assert deployment.predict("t", X).label == "y"


def test_who_takes_a_correction_back_under_new_keys_is_heard(deployment, case):
    assert say(deployment, case, ("ana", "x"), ("ana", "y"), ("ana", "x")) == [
        "accepted",
        "superseded",
        "superseded",
    ]
    assert deployment.history(case).label == "x"


def test_a_second_opinion_that_agrees_is_kept_and_not_learned_twice(deployment, case):
    assert say(deployment, case, ("ana", "x"), ("ben", "x")) == ["accepted", "confirmed"]
    assert learned(deployment, "t") == 1 and deployment.report("t").labels_used == 1
    assert deployment.report("t").sources == (("ana", 1),)
    assert len(deployment.history(case).events) == 3


def test_of_two_opinions_the_newer_is_learned(deployment, case):
    assert say(deployment, case, ("ana", "x"), ("ben", "y")) == ["accepted", "conflicting"]
    deployment.flush()
    assert deployment.history(case).label == "y" == deployment.predict("t", X).label
    assert deployment.report("t").sources == (("ana", 1), ("ben", 1))


def test_a_label_after_the_wait_time_is_learned_and_does_not_count(deployment):
    deployment.create("w", wait_seconds=0.05, seed=1)
    case = deployment.predict("w", X).id
    time.sleep(0.06)
    expire(deployment)
    assert deployment.history(case).status == "expired" and tally(deployment, "w") == (0, 0, 1)
    receipt = deployment.feedback(case, label="x", source="ana")
    assert (receipt.status, receipt.counted) == ("late", False)
    assert deployment.history(case).status == "labelled" and learned(deployment, "w") == 1
    assert deployment.feedback(case, label="x", source="ben").status == "confirmed"


def test_late_is_late_before_the_clock_has_looked(deployment):
    deployment.create("w", wait_seconds=0.05, seed=1)
    case = deployment.predict("w", X).id
    time.sleep(0.06)
    receipt = deployment.feedback(case, label="x", source="ana")
    assert (receipt.status, receipt.counted) == ("late", False)


def test_an_ask_that_nobody_answers_counts_as_wrong(path):
    """Of two learners that hear the same, the one whose asks expire may not act."""
    with quickstudy.open(path) as deployment:
        for name, wait in (("heard", 1e6), ("unheard", 0.01)):
            deployment.create(name, **EASY, wait_seconds=wait)
        for i in range(60):
            x = record(i)
            heard, unheard = deployment.predict("heard", x), deployment.predict("unheard", x)
            deployment.feedback(heard.id, label=truth(x), source="boss")
            time.sleep(0.011)
            expire(deployment)
            deployment.feedback(unheard.id, label=truth(x), source="boss")
        assert deployment.report("heard").acted > 0 == deployment.report("unheard").acted
        assert tally(deployment, "unheard")[2] == 60 == learned(deployment, "unheard")


def test_a_word_that_comes_before_its_prediction_is_joined(path):
    with quickstudy.open(path) as deployment:
        deployment.create("t", seed=1)
        receipt = deployment.feedback("order 7", label="x", source="ana")
        assert (receipt.status, receipt.learner, receipt.counted) == ("early", None, False)
        assert deployment.feedback("order 7", label="x", source="ana").status == "repeated"
        assert learned(deployment, "t") == 0
    with quickstudy.open(path) as deployment:
        assert deployment.predict("t", X, id="order 7").id == "order 7"
        found = deployment.history("order 7")
        assert (found.status, found.label) == ("labelled", "x")
        assert [e.payload["source"] for e in found.events if e.type == "feedback"] == ["ana", "ana"]
        assert learned(deployment, "t") == 1 and tally(deployment, "t") == (0, 0, 0)
        assert deployment.feedback("order 7", label="x", source="ana").status == "repeated"
        assert deployment.feedback("order 7", label="y", source="ana").status == "superseded"


def test_early_words_are_joined_in_the_order_they_came(deployment):
    assert say(deployment, "order 8", ("ana", "x"), ("ben", "y"), ("ana", "z")) == ["early"] * 3
    deployment.predict("t", X, id="order 8")
    assert deployment.history("order 8").label == "z" and learned(deployment, "t") == 3
    deployment.predict("t", X, id="order 8")
    assert learned(deployment, "t") == 3


def test_early_praise_of_an_answer_that_never_was_teaches_nothing(deployment):
    assert deployment.feedback("order 9", correct=True, source="ana").status == "early"
    assert deployment.predict("t", X, id="order 9").label is None
    assert deployment.history("order 9").label is None
    assert learned(deployment, "t") == 0 == deployment.report("t").labels_used


def test_a_word_on_an_id_that_was_never_ours_is_kept_and_teaches_nothing(deployment):
    receipt = deployment.feedback("p_of_another_store", label="x", source="ana")
    assert (receipt.status, receipt.learner, receipt.counted) == ("unknown", None, False)
    (event,) = deployment.events(after=receipt.seq - 1)
    assert (event.type, event.subject) == ("feedback", "p_of_another_store")
    assert learned(deployment, "t") == 0
    assert deployment.feedback("p_of_another_store", label="x", source="ana").status == "repeated"


def test_at_the_third_change_by_two_sources_learning_stops_until_one_rules(path):
    with quickstudy.open(path) as deployment:
        deployment.create("t", seed=1)
        case = deployment.predict("t", X).id
        said = say(deployment, case, *CIRCLES)
        assert said == ["accepted", "conflicting", "superseded", "contested"]
        assert learned(deployment, "t") == 3 and tally(deployment, "t") == (0, 1, 0)
        assert say(deployment, case, ("cyd", "y")) == ["contested"]
    with quickstudy.open(path) as deployment:
        other = deployment.predict("t", X).id
        assert say(deployment, other, ("cyd", "z")) == ["contested"]
        assert (
            deployment.feedback(learner="t", record=X, label="z", source="dan").status
            == "contested"
        )
        assert {c.id for c in deployment.cases("t", status="contested")} == {case, other}
        assert learned(deployment, "t") == 3 and types(deployment).count("contested") == 2
        receipt = deployment.rule(case, "y", source="boss")
        assert (receipt.status, receipt.counted, receipt.learner) == ("accepted", False, "t")
        assert tally(deployment, "t") == (0, 0, 0) and statuses(deployment, "t") == {"labelled": 2}
        assert deployment.history(case).label == deployment.history(other).label == "y"
        assert learned(deployment, "t") == 4 and deployment.predict("t", X).label == "y"
        assert say(deployment, case, ("eve", "z")) == ["conflicting"]
        assert learned(deployment, "t") == 5
        with pytest.raises(InputError, match="not contested"):
            deployment.rule(case, "y")


def test_changes_on_one_input_add_up_over_its_cases(deployment):
    cases = [a.id for a in deployment.predict_many("t", [X] * 4)]
    words = zip(cases, "xyxy", ("ana", "ben", "ana", "ben"), strict=True)
    said = [deployment.feedback(c, label=y, source=s).status for c, y, s in words]
    assert said == ["accepted"] * 3 + ["contested"]


def test_one_source_alone_may_change_its_mind_for_ever(deployment, case):
    words = [("ana", "xyz"[i % 3]) for i in range(9)]
    assert say(deployment, case, *words) == ["accepted"] + ["superseded"] * 8
    assert tally(deployment, "t") == (0, 0, 0)


def test_two_who_each_insist_are_at_odds(deployment, case):
    assert say(deployment, case, *[("ana", "x"), ("ben", "y")] * 3)[-1] == "contested"


def test_other_inputs_are_taught_while_one_is_contested(deployment, case):
    say(deployment, case, *CIRCLES)
    fine = deployment.predict("t", {"a": 2, "b": "red"})
    assert deployment.feedback(fine.id, label="x", source="ana").status == "accepted"


def test_on_a_contested_input_not_even_what_is_wrong_is_learned(deployment, case):
    other = deployment.predict_many("t", [X, X])[1].id
    say(deployment, case, *CIRCLES)
    deployment.flush()
    before = deployment.predict("t", X)
    assert before.label is not None
    asked = deployment.predict("t", X).id
    assert deployment.feedback(asked, correct=False, source="cyd").status == "contested"
    deployment.flush()
    assert deployment.predict("t", X).label == before.label
    assert deployment.feedback(other, label="z", source="cyd").status == "contested"


def test_a_contested_case_stays_so_until_somebody_rules(path):
    """An audit that was waiting has an end; the dispute outlives it."""
    with quickstudy.open(path) as deployment:
        deployment.create("t", **EASY, wait_seconds=0.4)
        case = acted(deployment, "t", audit=True)
        before = tally(deployment, "t")
        said = say(deployment, case.id, ("ana", "x"), ("ben", "y"), ("ana", "z"))
        assert said[-1] == "contested" and deployment.history(case.id).status == "contested"
        time.sleep(0.4)
        expire(deployment)
        assert deployment.history(case.id).status == "contested"
        found = statuses(deployment, "t")
        assert tally(deployment, "t")[:2] == (found.get("waiting", 0), found["contested"])
        assert before[1] + 1 == found["contested"]
        deployment.rule(case.id, case.label, source="boss")
        expire(deployment)
        assert deployment.history(case.id).status == "labelled" and tally(deployment, "t")[1] == 0


def test_rulings_that_cannot_be_are_refused(deployment, case):
    say(deployment, case, *CIRCLES)
    with pytest.raises(NotFoundError):
        deployment.rule("p_nobody", "x")
    with pytest.raises(LabelError):
        deployment.rule(case, 1.5)
    assert tally(deployment, "t") == (0, 1, 0)


def test_praise_teaches_the_answer_that_was_given(deployment):
    train(deployment, "t", 20)
    answer = deployment.predict("t", record(1))
    receipt = deployment.feedback(answer.id, correct=True, source="ana")
    assert (receipt.status, receipt.counted) == ("accepted", True)
    assert deployment.history(answer.id).label == answer.label and learned(deployment, "t") == 21
    assert deployment.feedback(answer.id, label=answer.label, source="ana").status == "repeated"


def test_what_was_said_to_be_wrong_is_not_answered_again(deployment):
    train(deployment, "t", 20)
    answer = deployment.predict("t", record(1))
    receipt = deployment.feedback(answer.id, correct=False, source="ana", wait_learned=True)
    assert (receipt.status, receipt.counted) == ("accepted", True)
    assert (
        deployment.history(answer.id).status == "labelled"
        and deployment.history(answer.id).label is None
    )
    assert (
        deployment.predict("t", record(1)).label != answer.label and learned(deployment, "t") == 20
    )
    assert deployment.feedback(answer.id, correct=False, source="ben").status == "confirmed"
    assert deployment.feedback(answer.id, label="odd", source="ana").status == "superseded"
    deployment.flush()
    assert deployment.predict("t", record(1)).label == "odd"


@pytest.mark.parametrize("correct", [True, False])
def test_an_answer_that_was_none_is_neither_right_nor_wrong(deployment, case, correct):
    with pytest.raises(LabelError, match="no answer"):
        deployment.feedback(case, correct=correct, source="ana")
    assert tally(deployment, "t") == (1, 0, 0)


def test_audits_count_only_when_a_trusted_source_makes_them(path):
    with quickstudy.open(path) as deployment:
        deployment.create("t", **EASY)
        answer = acted(deployment, "t", audit=True)
        before = deployment.report("t").audits
        anyone = deployment.feedback(answer.id, label="odd", source="ana")
        assert (anyone.status, anyone.counted) == ("accepted", False)
        assert (
            deployment.history(answer.id).status == "waiting"
            and deployment.report("t").audits == before
        )
        assert answer.id in {ask.id for ask in deployment.asks("t", limit=1000)}
        boss = deployment.feedback(answer.id, label="even", source="boss")
        assert (boss.status, boss.counted) == ("conflicting", True)
        assert deployment.history(answer.id).status == "labelled"
        assert deployment.report("t").audits == before + 1


def test_corrections_that_people_volunteer_teach_and_do_not_count(path):
    with quickstudy.open(path) as deployment:
        deployment.create("t", **EASY | {"audit": 0.01})
        answer = acted(deployment, "t", audit=False)
        assert deployment.history(answer.id).status == "closed"
        deployment.flush()
        before, examples = deployment.report("t"), learned(deployment, "t")
        receipt = deployment.feedback(
            answer.id, label="a new one", source="boss", wait_learned=True
        )
        assert (receipt.status, receipt.counted) == ("accepted", False)
        after = deployment.report("t")
        assert (after.audits, after.precision) == (before.audits, before.precision)
        assert (after.policies, after.attempt) == (before.policies, before.attempt)
        assert learned(deployment, "t") == examples + 1 and "a new one" in after.learner.labels


def test_what_is_said_after_the_promise_was_changed_proves_nothing(deployment, case):
    deployment.change("t", target=0.9)
    receipt = deployment.feedback(case, label="x", source="ana")
    assert (receipt.status, receipt.counted) == ("accepted", False)
    assert learned(deployment, "t") == 1 and tally(deployment, "t") == (0, 0, 0)


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (Feedback("p_1", label=0.5), LabelError),
        (Feedback("p_1"), LabelError),
        (Feedback("p_1", label="x", key="\n"), InputError),
        (Feedback(learner="nobody", record=X, label="x"), NotFoundError),
        (Feedback(learner="t", record={"a": float("nan")}, label="x"), RecordError),
        (Feedback(learner="t", record=X, correct=True), InputError),
    ],
)
def test_a_batch_is_taken_in_as_a_whole_or_not_at_all(deployment, case, bad, error):
    good = [Feedback(case, label="x"), Feedback(learner="t", record=X, label="x", key="k")]
    before = types(deployment)
    with pytest.raises(error):
        deployment.feedback_many([*good, bad])
    assert types(deployment) == before and tally(deployment, "t") == (1, 0, 0)
    assert [r.status for r in deployment.feedback_many(good)] == ["accepted", "accepted"]


def test_a_batch_is_taken_in_in_its_order(deployment, case):
    items = [Feedback(case, label=y, source="ana", key=str(i)) for i, y in enumerate("xyzz")]
    receipts = deployment.feedback_many([*items, items[0]], wait_learned=True)
    expected = ["accepted", "superseded", "superseded", "repeated", "repeated"]
    assert [r.status for r in receipts] == expected
    assert deployment.history(case).label == "z" and deployment.learner("t").examples == 3
    for size in (0, 1001):
        with pytest.raises(InputError, match="1 to 1000"):
            deployment.feedback_many([items[0]] * size)


def test_who_waits_until_all_is_learned_waits_for_all_of_it(deployment):
    old = Feedback(learner="t", record=record(0), label="even", key="0")
    deployment.feedback_many([old], wait_learned=True)
    new = [
        Feedback(learner="t", record={"n": i}, label=truth(record(i)), key=str(i))
        for i in range(1, 300)
    ]
    deployment.feedback_many([*new, old], wait_learned=True)
    assert deployment.learner("t").examples == 300


def test_who_said_it_is_the_source_or_else_the_actor(deployment, case):
    deployment.feedback(case, label="x", actor="key 7")
    event = deployment.history(case).events[-1]
    assert (event.actor, event.payload["source"]) == ("key 7", "key 7")
    assert deployment.feedback(case, label="x", source="key 7").status == "repeated"
    deployment.feedback(case, label="y", source="ana", actor="key 7")
    event = deployment.history(case).events[-1]
    assert (event.actor, event.payload["source"]) == ("key 7", "ana")


def test_of_a_deleted_learner_nobody_speaks_any_more(deployment, case):
    deployment.delete("t")
    for feedback in ({"prediction_id": case}, {"learner": "t", "record": X}):
        with pytest.raises(NotFoundError):
            deployment.feedback(**feedback, label="x")
    assert deployment.history(case).status == "waiting"
