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
def case(desk):
    return desk.predict("t", X).id


def say(desk, case, *words):
    """Statuses of feedbacks, each (source, label) under a key of its own."""
    return [
        desk.feedback(case, label=label, source=source, key=f"{source} {label} {i}").status
        for i, (source, label) in enumerate(words)
    ]


def test_the_first_word_is_learned_and_counts(desk, case):
    assert tally(desk, "t") == (1, 0, 0)
    receipt = desk.feedback(case, label="x", source="ana", wait_learned=True)
    assert (receipt.status, receipt.counted, receipt.learner) == ("accepted", True, "t")
    assert desk.events(after=receipt.seq - 1)[0].subject == case
    assert desk.history(case).status == "labelled" and desk.history(case).label == "x"
    assert tally(desk, "t") == (0, 0, 0)
    assert desk.predict("t", X).label == "x" and learned(desk, "t") == 1


@pytest.mark.parametrize("key", [None, "k1"])
def test_sent_again_it_gets_the_answer_it_got_also_after_a_restart(path, key):
    with quickstudy.open(path) as desk:
        desk.create("t", seed=1)
        case = desk.predict("t", X).id
        given = {"label": "x", "source": "ana", "key": key}
        first = desk.feedback(case, **given)
        again = [desk.feedback(case, **given) for _ in range(4)]
        desk.flush()
        before = desk.report("t"), len(desk.events())
    with quickstudy.open(path) as desk:
        again.append(desk.feedback(case, **given))
        assert (desk.report("t"), len(desk.events())) == before
        assert learned(desk, "t") == 1
    for receipt in again:
        assert receipt.status == "repeated"
        assert (receipt.seq, receipt.counted) == (first.seq, first.counted)
        assert (receipt.prediction_id, receipt.learner) == (case, "t")


def test_the_same_word_under_another_key_changes_nothing(desk, case):
    first = desk.feedback(case, label="x", source="ana", key="k1")
    again = desk.feedback(case, label="x", source="ana", key="k2")
    assert (again.status, again.seq) == ("repeated", first.seq)
    assert learned(desk, "t") == 1 and types(desk).count("feedback") == 1


def test_a_key_stands_for_one_feedback(desk, case):
    desk.feedback(case, label="x", source="ana", key="k1")
    seen = len(desk.events())
    for other in ({"label": "y"}, {"correct": False}):
        with pytest.raises(InputError, match="k1"):
            desk.feedback(case, **other, source="ana", key="k1")
    twice = [Feedback("p_a", label=y, source="ana", key="k2") for y in "xy"]
    with pytest.raises(InputError, match="k2"):
        desk.feedback_many(twice)
    assert len(desk.events()) == seen
    assert desk.feedback(case, label="y", source="ben", key="k1").status == "conflicting"


def test_a_correction_supersedes_and_both_stay_in_the_history(desk, case):
    receipts = [desk.feedback(case, label=y, source="ana") for y in "xy"]
    assert [r.status for r in receipts] == ["accepted", "superseded"]
    assert [r.counted for r in receipts] == [True, False]
    found = desk.history(case)
    assert found.label == "y"
    assert [e.payload["label"] for e in found.events if e.type == "feedback"] == ["x", "y"]
    desk.flush()
    assert desk.predict("t", X).label == "y"


def test_who_takes_a_correction_back_under_new_keys_is_heard(desk, case):
    assert say(desk, case, ("ana", "x"), ("ana", "y"), ("ana", "x")) == [
        "accepted",
        "superseded",
        "superseded",
    ]
    assert desk.history(case).label == "x"


def test_a_second_opinion_that_agrees_is_kept_and_not_learned_twice(desk, case):
    assert say(desk, case, ("ana", "x"), ("ben", "x")) == ["accepted", "confirmed"]
    assert learned(desk, "t") == 1 and desk.report("t").labels_used == 1
    assert desk.report("t").sources == (("ana", 1),)
    assert len(desk.history(case).events) == 3


def test_of_two_opinions_the_newer_is_learned(desk, case):
    assert say(desk, case, ("ana", "x"), ("ben", "y")) == ["accepted", "conflicting"]
    desk.flush()
    assert desk.history(case).label == "y" == desk.predict("t", X).label
    assert desk.report("t").sources == (("ana", 1), ("ben", 1))


def test_a_label_after_the_wait_time_is_learned_and_does_not_count(desk):
    desk.create("w", wait_seconds=0.05, seed=1)
    case = desk.predict("w", X).id
    time.sleep(0.06)
    expire(desk)
    assert desk.history(case).status == "expired" and tally(desk, "w") == (0, 0, 1)
    receipt = desk.feedback(case, label="x", source="ana")
    assert (receipt.status, receipt.counted) == ("late", False)
    assert desk.history(case).status == "labelled" and learned(desk, "w") == 1
    assert desk.feedback(case, label="x", source="ben").status == "confirmed"


def test_late_is_late_before_the_clock_has_looked(desk):
    desk.create("w", wait_seconds=0.05, seed=1)
    case = desk.predict("w", X).id
    time.sleep(0.06)
    receipt = desk.feedback(case, label="x", source="ana")
    assert (receipt.status, receipt.counted) == ("late", False)


def test_an_ask_that_nobody_answers_counts_as_wrong(path):
    """Of two learners that hear the same, the one whose asks expire may not act."""
    with quickstudy.open(path) as desk:
        for name, wait in (("heard", 1e6), ("unheard", 0.01)):
            desk.create(name, **EASY, wait_seconds=wait)
        for i in range(60):
            x = record(i)
            heard, unheard = desk.predict("heard", x), desk.predict("unheard", x)
            desk.feedback(heard.id, label=truth(x), source="boss")
            time.sleep(0.011)
            expire(desk)
            desk.feedback(unheard.id, label=truth(x), source="boss")
        assert desk.report("heard").acted > 0 == desk.report("unheard").acted
        assert tally(desk, "unheard")[2] == 60 == learned(desk, "unheard")


def test_a_word_that_comes_before_its_prediction_is_joined(path):
    with quickstudy.open(path) as desk:
        desk.create("t", seed=1)
        receipt = desk.feedback("order 7", label="x", source="ana")
        assert (receipt.status, receipt.learner, receipt.counted) == ("early", None, False)
        assert desk.feedback("order 7", label="x", source="ana").status == "repeated"
        assert learned(desk, "t") == 0
    with quickstudy.open(path) as desk:
        assert desk.predict("t", X, id="order 7").id == "order 7"
        found = desk.history("order 7")
        assert (found.status, found.label) == ("labelled", "x")
        assert [e.payload["source"] for e in found.events if e.type == "feedback"] == ["ana", "ana"]
        assert learned(desk, "t") == 1 and tally(desk, "t") == (0, 0, 0)
        assert desk.feedback("order 7", label="x", source="ana").status == "repeated"
        assert desk.feedback("order 7", label="y", source="ana").status == "superseded"


def test_early_words_are_joined_in_the_order_they_came(desk):
    assert say(desk, "order 8", ("ana", "x"), ("ben", "y"), ("ana", "z")) == ["early"] * 3
    desk.predict("t", X, id="order 8")
    assert desk.history("order 8").label == "z" and learned(desk, "t") == 3
    desk.predict("t", X, id="order 8")
    assert learned(desk, "t") == 3


def test_early_praise_of_an_answer_that_never_was_teaches_nothing(desk):
    assert desk.feedback("order 9", correct=True, source="ana").status == "early"
    assert desk.predict("t", X, id="order 9").label is None
    assert desk.history("order 9").label is None
    assert learned(desk, "t") == 0 == desk.report("t").labels_used


def test_a_word_on_an_id_that_was_never_ours_is_kept_and_teaches_nothing(desk):
    receipt = desk.feedback("p_of_another_store", label="x", source="ana")
    assert (receipt.status, receipt.learner, receipt.counted) == ("unknown", None, False)
    (event,) = desk.events(after=receipt.seq - 1)
    assert (event.type, event.subject) == ("feedback", "p_of_another_store")
    assert learned(desk, "t") == 0
    assert desk.feedback("p_of_another_store", label="x", source="ana").status == "repeated"


def test_at_the_third_change_by_two_sources_learning_stops_until_one_rules(path):
    with quickstudy.open(path) as desk:
        desk.create("t", seed=1)
        case = desk.predict("t", X).id
        said = say(desk, case, *CIRCLES)
        assert said == ["accepted", "conflicting", "superseded", "contested"]
        assert learned(desk, "t") == 3 and tally(desk, "t") == (0, 1, 0)
        assert say(desk, case, ("cyd", "y")) == ["contested"]
    with quickstudy.open(path) as desk:
        other = desk.predict("t", X).id
        assert say(desk, other, ("cyd", "z")) == ["contested"]
        assert desk.feedback(learner="t", record=X, label="z", source="dan").status == "contested"
        assert {c.id for c in desk.cases("t", status="contested")} == {case, other}
        assert learned(desk, "t") == 3 and types(desk).count("contested") == 2
        receipt = desk.rule(case, "y", source="boss")
        assert (receipt.status, receipt.counted, receipt.learner) == ("accepted", False, "t")
        assert tally(desk, "t") == (0, 0, 0) and statuses(desk, "t") == {"labelled": 2}
        assert desk.history(case).label == desk.history(other).label == "y"
        assert learned(desk, "t") == 4 and desk.predict("t", X).label == "y"
        assert say(desk, case, ("eve", "z")) == ["conflicting"]
        assert learned(desk, "t") == 5
        with pytest.raises(InputError, match="not contested"):
            desk.rule(case, "y")


def test_changes_on_one_input_add_up_over_its_cases(desk):
    cases = [a.id for a in desk.predict_many("t", [X] * 4)]
    words = zip(cases, "xyxy", ("ana", "ben", "ana", "ben"), strict=True)
    said = [desk.feedback(c, label=y, source=s).status for c, y, s in words]
    assert said == ["accepted"] * 3 + ["contested"]


def test_one_source_alone_may_change_its_mind_for_ever(desk, case):
    words = [("ana", "xyz"[i % 3]) for i in range(9)]
    assert say(desk, case, *words) == ["accepted"] + ["superseded"] * 8
    assert tally(desk, "t") == (0, 0, 0)


def test_two_who_each_insist_are_at_odds(desk, case):
    assert say(desk, case, *[("ana", "x"), ("ben", "y")] * 3)[-1] == "contested"


def test_other_inputs_are_taught_while_one_is_contested(desk, case):
    say(desk, case, *CIRCLES)
    fine = desk.predict("t", {"a": 2, "b": "red"})
    assert desk.feedback(fine.id, label="x", source="ana").status == "accepted"


def test_on_a_contested_input_not_even_what_is_wrong_is_learned(desk, case):
    other = desk.predict_many("t", [X, X])[1].id
    say(desk, case, *CIRCLES)
    desk.flush()
    before = desk.predict("t", X)
    assert before.label is not None
    asked = desk.predict("t", X).id
    assert desk.feedback(asked, correct=False, source="cyd").status == "contested"
    desk.flush()
    assert desk.predict("t", X).label == before.label
    assert desk.feedback(other, label="z", source="cyd").status == "contested"


def test_a_contested_case_stays_so_until_somebody_rules(path):
    """An audit that was waiting has an end; the dispute outlives it."""
    with quickstudy.open(path) as desk:
        desk.create("t", **EASY, wait_seconds=0.4)
        case = acted(desk, "t", audit=True)
        before = tally(desk, "t")
        said = say(desk, case.id, ("ana", "x"), ("ben", "y"), ("ana", "z"))
        assert said[-1] == "contested" and desk.history(case.id).status == "contested"
        time.sleep(0.4)
        expire(desk)
        assert desk.history(case.id).status == "contested"
        found = statuses(desk, "t")
        assert tally(desk, "t")[:2] == (found.get("waiting", 0), found["contested"])
        assert before[1] + 1 == found["contested"]
        desk.rule(case.id, case.label, source="boss")
        expire(desk)
        assert desk.history(case.id).status == "labelled" and tally(desk, "t")[1] == 0


def test_rulings_that_cannot_be_are_refused(desk, case):
    say(desk, case, *CIRCLES)
    with pytest.raises(NotFoundError):
        desk.rule("p_nobody", "x")
    with pytest.raises(LabelError):
        desk.rule(case, 1.5)
    assert tally(desk, "t") == (0, 1, 0)


def test_praise_teaches_the_answer_that_was_given(desk):
    train(desk, "t", 20)
    answer = desk.predict("t", record(1))
    receipt = desk.feedback(answer.id, correct=True, source="ana")
    assert (receipt.status, receipt.counted) == ("accepted", True)
    assert desk.history(answer.id).label == answer.label and learned(desk, "t") == 21
    assert desk.feedback(answer.id, label=answer.label, source="ana").status == "repeated"


def test_what_was_said_to_be_wrong_is_not_answered_again(desk):
    train(desk, "t", 20)
    answer = desk.predict("t", record(1))
    receipt = desk.feedback(answer.id, correct=False, source="ana", wait_learned=True)
    assert (receipt.status, receipt.counted) == ("accepted", True)
    assert desk.history(answer.id).status == "labelled" and desk.history(answer.id).label is None
    assert desk.predict("t", record(1)).label != answer.label and learned(desk, "t") == 20
    assert desk.feedback(answer.id, correct=False, source="ben").status == "confirmed"
    assert desk.feedback(answer.id, label="odd", source="ana").status == "superseded"
    desk.flush()
    assert desk.predict("t", record(1)).label == "odd"


@pytest.mark.parametrize("correct", [True, False])
def test_an_answer_that_was_none_is_neither_right_nor_wrong(desk, case, correct):
    with pytest.raises(LabelError, match="no answer"):
        desk.feedback(case, correct=correct, source="ana")
    assert tally(desk, "t") == (1, 0, 0)


def test_audits_count_only_when_a_trusted_source_makes_them(path):
    with quickstudy.open(path) as desk:
        desk.create("t", **EASY)
        answer = acted(desk, "t", audit=True)
        before = desk.report("t").audits
        anyone = desk.feedback(answer.id, label="odd", source="ana")
        assert (anyone.status, anyone.counted) == ("accepted", False)
        assert desk.history(answer.id).status == "waiting" and desk.report("t").audits == before
        assert answer.id in {ask.id for ask in desk.asks("t", limit=1000)}
        boss = desk.feedback(answer.id, label="even", source="boss")
        assert (boss.status, boss.counted) == ("conflicting", True)
        assert desk.history(answer.id).status == "labelled"
        assert desk.report("t").audits == before + 1


def test_corrections_that_people_volunteer_teach_and_do_not_count(path):
    with quickstudy.open(path) as desk:
        desk.create("t", **EASY | {"audit": 0.01})
        answer = acted(desk, "t", audit=False)
        assert desk.history(answer.id).status == "closed"
        desk.flush()
        before, examples = desk.report("t"), learned(desk, "t")
        receipt = desk.feedback(answer.id, label="a new one", source="boss", wait_learned=True)
        assert (receipt.status, receipt.counted) == ("accepted", False)
        after = desk.report("t")
        assert (after.audits, after.precision) == (before.audits, before.precision)
        assert (after.policies, after.attempt) == (before.policies, before.attempt)
        assert learned(desk, "t") == examples + 1 and "a new one" in after.learner.labels


def test_what_is_said_after_the_promise_was_changed_proves_nothing(desk, case):
    desk.change("t", target=0.9)
    receipt = desk.feedback(case, label="x", source="ana")
    assert (receipt.status, receipt.counted) == ("accepted", False)
    assert learned(desk, "t") == 1 and tally(desk, "t") == (0, 0, 0)


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
def test_a_batch_is_taken_in_as_a_whole_or_not_at_all(desk, case, bad, error):
    good = [Feedback(case, label="x"), Feedback(learner="t", record=X, label="x", key="k")]
    before = types(desk)
    with pytest.raises(error):
        desk.feedback_many([*good, bad])
    assert types(desk) == before and tally(desk, "t") == (1, 0, 0)
    assert [r.status for r in desk.feedback_many(good)] == ["accepted", "accepted"]


def test_a_batch_is_taken_in_in_its_order(desk, case):
    items = [Feedback(case, label=y, source="ana", key=str(i)) for i, y in enumerate("xyzz")]
    receipts = desk.feedback_many([*items, items[0]], wait_learned=True)
    expected = ["accepted", "superseded", "superseded", "repeated", "repeated"]
    assert [r.status for r in receipts] == expected
    assert desk.history(case).label == "z" and desk.learner("t").examples == 3
    for size in (0, 1001):
        with pytest.raises(InputError, match="1 to 1000"):
            desk.feedback_many([items[0]] * size)


def test_who_waits_until_all_is_learned_waits_for_all_of_it(desk):
    old = Feedback(learner="t", record=record(0), label="even", key="0")
    desk.feedback_many([old], wait_learned=True)
    new = [
        Feedback(learner="t", record={"n": i}, label=truth(record(i)), key=str(i))
        for i in range(1, 300)
    ]
    desk.feedback_many([*new, old], wait_learned=True)
    assert desk.learner("t").examples == 300


def test_who_said_it_is_the_source_or_else_the_actor(desk, case):
    desk.feedback(case, label="x", actor="key 7")
    event = desk.history(case).events[-1]
    assert (event.actor, event.payload["source"]) == ("key 7", "key 7")
    assert desk.feedback(case, label="x", source="key 7").status == "repeated"
    desk.feedback(case, label="y", source="ana", actor="key 7")
    event = desk.history(case).events[-1]
    assert (event.actor, event.payload["source"]) == ("key 7", "ana")


def test_of_a_deleted_learner_nobody_speaks_any_more(desk, case):
    desk.delete("t")
    for feedback in ({"prediction_id": case}, {"learner": "t", "record": X}):
        with pytest.raises(NotFoundError):
            desk.feedback(**feedback, label="x")
    assert desk.history(case).status == "waiting"
