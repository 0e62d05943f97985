"""A prediction is on record before it is told, acts only where that is proved, keeps its id."""

import itertools

import pytest

import quickstudy
from quickstudy.errors import InputError, NotFoundError, RecordError, StoreError
from tests.deploy.support import EASY, acted, learned, record, tally, train, types

X, Y = {"a": 1}, {"a": 2}


def test_before_anything_is_learned_it_asks(deployment):
    answer = deployment.predict("t", X)
    assert (answer.label, answer.decision, answer.policy) == (None, "ask", 0)
    assert (answer.confidence, answer.novelty, answer.alternatives) == (0.0, 1.0, ())
    assert not answer.audit and "nothing was learned" in answer.reason
    assert [ask.id for ask in deployment.asks("t")] == [answer.id]


def test_what_is_told_is_on_record(path):
    with quickstudy.open(path) as deployment:
        deployment.create("t", seed=1)
        answers = deployment.predict_many("t", [X, Y])
        (first, second) = deployment.events(after=answers[0].seq - 1)
        assert (first.type, first.subject, first.seq) == (
            "predicted",
            answers[0].id,
            answers[0].seq,
        )
        assert (first.payload["record"], second.payload["record"]) == (X, Y)
    with quickstudy.open(path) as deployment:
        assert [deployment.history(a.id).answer for a in answers] == answers
        assert deployment.history(answers[0].id).record == X


def test_it_asks_until_a_policy_is_certified_and_then_acts(path):
    with quickstudy.open(path) as deployment:
        deployment.create("t", **EASY | {"trusted": []})
        answers = train(deployment, "t", 80)
        first = next(i for i, a in enumerate(answers) if a.decision == "act")
        assert 5 < first < 60 and not any(a.policy for a in answers[:first])
        answer = answers[first]
        assert answer.policy > 0 and "certified" in answer.reason and answer.label is not None
        report = deployment.report("t")
        assert report.acted == sum(a.decision == "act" for a in answers)
        assert any(p.certified for p in report.policies) and report.share_handled > 0
        assert deployment.cases("t", decision="act", limit=1000)[-1].id == answer.id


def test_what_is_acted_on_unaudited_waits_for_nobody(path):
    with quickstudy.open(path) as deployment:
        deployment.create("t", **EASY | {"audit": 0.01})
        answer = acted(deployment, "t", audit=False)
        assert deployment.history(answer.id).status == "closed"
        assert answer.id not in {ask.id for ask in deployment.asks("t", limit=1000)}
        audited = acted(deployment, "t", audit=True)
        assert deployment.history(audited.id).status == "waiting" and "checked" in audited.reason
        assert audited.id in {ask.id for ask in deployment.asks("t", limit=1000) if ask.audit}


def test_alternatives_are_the_most_probable_labels(deployment):
    for i in range(8):
        deployment.feedback(learner="t", record={"a": i}, label=f"l{i}")
    deployment.flush()
    answer = deployment.predict("t", {"a": 3})
    chances = [p for _, p in answer.alternatives]
    assert len(chances) == 5 and chances == sorted(chances, reverse=True)
    assert answer.alternatives[0][0] == answer.label == "l3"
    assert sum(chances) + answer.novelty <= 1 + 1e-9


def test_ids_are_ours_and_all_different_unless_one_is_chosen(deployment):
    ids = [a.id for a in deployment.predict_many("t", [X] * 50)]
    assert len(set(ids)) == 50 and all(i.startswith("p_") for i in ids)
    mixed = deployment.predict_many("t", [X, Y], ids=["mine", None])
    assert mixed[0].id == "mine" and mixed[1].id.startswith("p_")
    with pytest.raises(InputError, match="2 records and 1 ids"):
        deployment.predict_many("t", [X, Y], ids=["a"])


def test_the_same_id_is_the_same_answer_also_after_learning_and_a_restart(path):
    with quickstudy.open(path) as deployment:
        deployment.create("t", seed=1)
        first = deployment.predict("t", X, id="mine")
        deployment.feedback(first.id, label="x", wait_learned=True)
        assert deployment.predict("t", X, id="mine") == first
    with quickstudy.open(path) as deployment:
        assert deployment.predict("t", X, id="mine") == first
        assert deployment.predict_many("t", [X, X], ids=["mine", "mine"]) == [first, first]
        assert deployment.report("t").cases == 1 == types(deployment).count("predicted")


def test_an_id_stands_for_one_record_of_one_learner(deployment):
    deployment.create("u", seed=1)
    deployment.predict("t", X, id="mine")
    seen = types(deployment)
    for name, x in (("t", Y), ("u", X)):
        with pytest.raises(InputError, match="mine"):
            deployment.predict_many(name, [Y, x], ids=["fresh", "mine"])
    assert types(deployment) == seen
    with pytest.raises(NotFoundError):
        deployment.history("fresh")


def test_an_id_stands_for_one_record_within_a_batch_too(deployment):
    with pytest.raises(InputError, match="twice"):
        deployment.predict_many("t", [X, Y], ids=["twice", "twice"])
    assert deployment.report("t").cases == 0
    one, same = deployment.predict_many("t", [X, X], ids=["once", "once"])
    assert one == same and deployment.report("t").cases == 1


def test_a_batch_is_answered_as_one_by_one(path):
    with quickstudy.open(path) as deployment:
        for name in ("one", "many"):
            deployment.create(name, **EASY)
            train(deployment, name, 50)
        xs = [record(i) for i in range(40)]
        many = deployment.predict_many("many", xs)
        one = [deployment.predict("one", x) for x in xs]
        for a, b in zip(one, many, strict=True):
            assert (a.label, a.confidence, a.decision, a.audit) == (
                b.label,
                b.confidence,
                b.decision,
                b.audit,
            )
        assert deployment.state_hash("one") == deployment.state_hash("many")


@pytest.mark.parametrize(
    "x", [{"a": float("nan")}, {"a": {"b": 1}}, {"a": object()}, {1: 2}, {"a": 10**5000}, 7]
)
def test_what_is_no_record_is_refused_with_nothing_changed(deployment, x):
    with pytest.raises(RecordError):
        deployment.predict("t", x)
    with pytest.raises(RecordError):
        deployment.predict_many("t", [X, x])
    with pytest.raises(RecordError):
        deployment.feedback(learner="t", record=x, label="x")
    assert types(deployment) == ["created"]


def test_numpy_values_are_kept_as_plain_ones(deployment):
    np = pytest.importorskip("numpy")
    x = {"v": np.arange(3.0), "n": np.int64(3), "f": np.float32(0.5), "b": np.bool_(True)}
    answer = deployment.predict("t", x)
    assert deployment.history(answer.id).record == {
        "b": True,
        "f": 0.5,
        "n": 3,
        "v": [0.0, 1.0, 2.0],
    }


def test_one_record_is_one_input_however_its_fields_are_ordered(deployment):
    deployment.predict("t", {"a": 1, "b": 2}, id="mine")
    assert deployment.predict("t", {"b": 2, "a": 1}, id="mine").id == "mine"


def test_predictions_change_nothing_that_was_learned(deployment):
    train(deployment, "t", 10)
    examples, before = learned(deployment, "t"), deployment.predict("t", X)
    for _ in range(5):
        again = deployment.predict("t", X)
        assert (again.label, again.confidence) == (before.label, before.confidence)
    assert learned(deployment, "t") == examples


@pytest.mark.parametrize("actor", ["", "\ud83d", "x" * 129])
def test_an_actor_that_cannot_be_written_down_is_refused(deployment, actor):
    with pytest.raises(InputError):
        deployment.predict("t", X, actor=actor or "\n")
    assert types(deployment) == ["created"]


def test_a_learner_that_is_gone_answers_no_more(deployment):
    deployment.predict("t", X)
    stale = deployment.classifiers.by_name["t"]
    deployment.delete("t")
    with pytest.raises(NotFoundError):
        deployment.predict("t", X)
    deployment.create("t", seed=2)
    assert deployment.classifiers.by_name["t"] is not stale
    assert deployment.predict("t", X).seq == deployment.report("t").seq and tally(
        deployment, "t"
    ) == (1, 0, 0)


def test_a_closed_store_answers_no_more(path):
    deployment = quickstudy.open(path)
    deployment.create("t", seed=1)
    deployment.close()
    deployment.close()
    with pytest.raises(StoreError, match="closed"):
        deployment.predict("t", X)


def test_numbers_of_cases_are_those_of_the_log(deployment):
    """However predictions come: one by one, together, again, refused."""
    for i, size in zip(itertools.count(), (1, 3, 60, 1), strict=False):
        deployment.predict_many("t", [record(i + j) for j in range(size)])
    deployment.predict("t", X, id="mine"), deployment.predict("t", X, id="mine")
    report = deployment.report("t")
    assert report.cases == report.waiting == 66 == types(deployment).count("predicted")
    assert report.curve[-1].cases == 66
