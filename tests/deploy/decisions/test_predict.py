"""A prediction is on record before it is told, acts only where that is proved, keeps its id."""

import itertools

import pytest

import quickstudy
from quickstudy.errors import InputError, NotFoundError, RecordError, StoreError
from tests.deploy.support import EASY, acted, learned, record, tally, train, types

X, Y = {"a": 1}, {"a": 2}


def test_before_anything_is_learned_it_asks(desk):
    answer = desk.predict("t", X)
    assert (answer.label, answer.decision, answer.policy) == (None, "ask", 0)
    assert (answer.confidence, answer.novelty, answer.alternatives) == (0.0, 1.0, ())
    assert not answer.audit and "nothing was learned" in answer.reason
    assert [ask.id for ask in desk.asks("t")] == [answer.id]


def test_what_is_told_is_on_record(path):
    with quickstudy.open(path) as desk:
        desk.create("t", seed=1)
        answers = desk.predict_many("t", [X, Y])
        (first, second) = desk.events(after=answers[0].seq - 1)
        assert (first.type, first.subject, first.seq) == (
            "predicted",
            answers[0].id,
            answers[0].seq,
        )
        assert (first.payload["record"], second.payload["record"]) == (X, Y)
    with quickstudy.open(path) as desk:
        assert [desk.history(a.id).answer for a in answers] == answers
        assert desk.history(answers[0].id).record == X


def test_it_asks_until_a_policy_is_certified_and_then_acts(path):
    with quickstudy.open(path) as desk:
        desk.create("t", **EASY | {"trusted": []})
        answers = train(desk, "t", 80)
        first = next(i for i, a in enumerate(answers) if a.decision == "act")
        assert 5 < first < 60 and not any(a.policy for a in answers[:first])
        answer = answers[first]
        assert answer.policy > 0 and "certified" in answer.reason and answer.label is not None
        report = desk.report("t")
        assert report.acted == sum(a.decision == "act" for a in answers)
        assert any(p.certified for p in report.policies) and report.share_handled > 0
        assert desk.cases("t", decision="act", limit=1000)[-1].id == answer.id


def test_what_is_acted_on_unaudited_waits_for_nobody(path):
    with quickstudy.open(path) as desk:
        desk.create("t", **EASY | {"audit": 0.01})
        answer = acted(desk, "t", audit=False)
        assert desk.history(answer.id).status == "closed"
        assert answer.id not in {ask.id for ask in desk.asks("t", limit=1000)}
        audited = acted(desk, "t", audit=True)
        assert desk.history(audited.id).status == "waiting" and "checked" in audited.reason
        assert audited.id in {ask.id for ask in desk.asks("t", limit=1000) if ask.audit}


def test_alternatives_are_the_most_probable_labels(desk):
    for i in range(8):
        desk.feedback(learner="t", record={"a": i}, label=f"l{i}")
    desk.flush()
    answer = desk.predict("t", {"a": 3})
    chances = [p for _, p in answer.alternatives]
    assert len(chances) == 5 and chances == sorted(chances, reverse=True)
    assert answer.alternatives[0][0] == answer.label == "l3"
    assert sum(chances) + answer.novelty <= 1 + 1e-9


def test_ids_are_ours_and_all_different_unless_one_is_chosen(desk):
    ids = [a.id for a in desk.predict_many("t", [X] * 50)]
    assert len(set(ids)) == 50 and all(i.startswith("p_") for i in ids)
    mixed = desk.predict_many("t", [X, Y], ids=["mine", None])
    assert mixed[0].id == "mine" and mixed[1].id.startswith("p_")
    with pytest.raises(InputError, match="2 records and 1 ids"):
        desk.predict_many("t", [X, Y], ids=["a"])


def test_the_same_id_is_the_same_answer_also_after_learning_and_a_restart(path):
    with quickstudy.open(path) as desk:
        desk.create("t", seed=1)
        first = desk.predict("t", X, id="mine")
        desk.feedback(first.id, label="x", wait_learned=True)
        assert desk.predict("t", X, id="mine") == first
    with quickstudy.open(path) as desk:
        assert desk.predict("t", X, id="mine") == first
        assert desk.predict_many("t", [X, X], ids=["mine", "mine"]) == [first, first]
        assert desk.report("t").cases == 1 == types(desk).count("predicted")


def test_an_id_stands_for_one_record_of_one_learner(desk):
    desk.create("u", seed=1)
    desk.predict("t", X, id="mine")
    seen = types(desk)
    for name, x in (("t", Y), ("u", X)):
        with pytest.raises(InputError, match="mine"):
            desk.predict_many(name, [Y, x], ids=["fresh", "mine"])
    assert types(desk) == seen
    with pytest.raises(NotFoundError):
        desk.history("fresh")


def test_an_id_stands_for_one_record_within_a_batch_too(desk):
    with pytest.raises(InputError, match="twice"):
        desk.predict_many("t", [X, Y], ids=["twice", "twice"])
    assert desk.report("t").cases == 0
    one, same = desk.predict_many("t", [X, X], ids=["once", "once"])
    assert one == same and desk.report("t").cases == 1


def test_a_batch_is_answered_as_one_by_one(path):
    with quickstudy.open(path) as desk:
        for name in ("one", "many"):
            desk.create(name, **EASY)
            train(desk, name, 50)
        xs = [record(i) for i in range(40)]
        many = desk.predict_many("many", xs)
        one = [desk.predict("one", x) for x in xs]
        for a, b in zip(one, many, strict=True):
            assert (a.label, a.confidence, a.decision, a.audit) == (
                b.label,
                b.confidence,
                b.decision,
                b.audit,
            )
        assert desk.state_hash("one") == desk.state_hash("many")


@pytest.mark.parametrize(
    "x", [{"a": float("nan")}, {"a": {"b": 1}}, {"a": object()}, {1: 2}, {"a": 10**5000}, 7]
)
def test_what_is_no_record_is_refused_with_nothing_changed(desk, x):
    with pytest.raises(RecordError):
        desk.predict("t", x)
    with pytest.raises(RecordError):
        desk.predict_many("t", [X, x])
    with pytest.raises(RecordError):
        desk.feedback(learner="t", record=x, label="x")
    assert types(desk) == ["created"]


def test_numpy_values_are_kept_as_plain_ones(desk):
    np = pytest.importorskip("numpy")
    x = {"v": np.arange(3.0), "n": np.int64(3), "f": np.float32(0.5), "b": np.bool_(True)}
    answer = desk.predict("t", x)
    assert desk.history(answer.id).record == {"b": True, "f": 0.5, "n": 3, "v": [0.0, 1.0, 2.0]}


def test_one_record_is_one_input_however_its_fields_are_ordered(desk):
    desk.predict("t", {"a": 1, "b": 2}, id="mine")
    assert desk.predict("t", {"b": 2, "a": 1}, id="mine").id == "mine"


def test_predictions_change_nothing_that_was_learned(desk):
    train(desk, "t", 10)
    examples, before = learned(desk, "t"), desk.predict("t", X)
    for _ in range(5):
        again = desk.predict("t", X)
        assert (again.label, again.confidence) == (before.label, before.confidence)
    assert learned(desk, "t") == examples


@pytest.mark.parametrize("actor", ["", "\ud83d", "x" * 129])
def test_an_actor_that_cannot_be_written_down_is_refused(desk, actor):
    with pytest.raises(InputError):
        desk.predict("t", X, actor=actor or "\n")
    assert types(desk) == ["created"]


def test_a_learner_that_is_gone_answers_no_more(desk):
    desk.predict("t", X)
    stale = desk.desk.duty("t")
    desk.delete("t")
    with pytest.raises(NotFoundError):
        desk.predict("t", X)
    desk.create("t", seed=2)
    assert desk.desk.duty("t") is not stale
    assert desk.predict("t", X).seq == desk.report("t").seq and tally(desk, "t") == (1, 0, 0)


def test_a_closed_store_answers_no_more(path):
    desk = quickstudy.open(path)
    desk.create("t", seed=1)
    desk.close()
    desk.close()
    with pytest.raises(StoreError, match="closed"):
        desk.predict("t", X)


def test_numbers_of_cases_are_those_of_the_log(desk):
    """However predictions come: one by one, together, again, refused."""
    for i, size in zip(itertools.count(), (1, 3, 60, 1), strict=False):
        desk.predict_many("t", [record(i + j) for j in range(size)])
    desk.predict("t", X, id="mine"), desk.predict("t", X, id="mine")
    report = desk.report("t")
    assert report.cases == report.waiting == 66 == types(desk).count("predicted")
    assert report.curve[-1].cases == 66
