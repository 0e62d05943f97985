"""`Classifier`: labels and records in, honest answers out, and nothing bad gets past the door."""

import numpy as np
import pytest

from quickstudy import Classifier
from quickstudy.errors import InputError, LabelError, NotReadyError, RecordError, SettingError
from quickstudy.learners.check import make_stream
from quickstudy.learners.classifier.classifier import LEAST_BUDGET_MB
from tests.learners.support import taught

LONG = "a sentence of quite enough words"
STORY = "card cash fee lost late new old my the a is was not yet here"
WORDS = STORY.split()


def test_no_examples_are_no_trouble(steady):
    before = steady.state_hash()
    steady.learn_many([], [])
    assert len(steady.test_then_train([], [])) == len(steady.predict_many([])) == 0
    assert steady.state_hash() == before


def test_before_the_first_example_everything_is_new():
    learner = Classifier()
    p = learner.predict({"a": 1.0})
    assert (p.label, p.confidence, p.novelty, len(p.probabilities)) == (None, 0.0, 1.0, 0)
    assert learner.labels == () and learner.examples == 0
    with pytest.raises(NotReadyError):
        learner.explain({"a": 1.0})
    learner.consolidate()
    assert learner.examples == 0


def test_one_example_is_enough_to_answer():
    learner = Classifier()
    assert learner.learn({"a": 1.0}, "only") == 0
    for x in ({"a": 1.0}, {"a": 99.0}, {}, {"b": "other"}, LONG, [1.0, 2.0]):
        p = learner.predict(x)
        assert p.label == "only"
        assert p.probabilities["only"] + p.novelty == pytest.approx(1.0)


def test_one_true_and_text_one_are_three_labels():
    learner = Classifier()
    for _ in range(20):
        learner.learn({"a": 0.0}, 1)
        learner.learn({"a": 5.0}, True)
        learner.learn({"a": 9.0}, "1")
    assert [(type(y), y) for y in learner.labels] == [(int, 1), (bool, True), (str, "1")]
    for a, kind in ((0.0, int), (5.0, bool), (9.0, str)):
        p = learner.predict({"a": a})
        assert type(p.label) is kind
        assert p.probabilities[p.label] == max(p.probabilities.values()) > 0.8
    assert len(p.probabilities) == 3


def test_numpy_labels_are_plain_labels():
    learner = Classifier()
    learner.learn_many([{"a": 1.0}] * 3, [np.int64(3), np.bool_(True), np.str_("x")])
    assert [type(y) for y in learner.labels] == [int, bool, str]


def test_a_new_label_is_learned_after_many_examples():
    learner = Classifier()
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(1500, 2)).tolist()
    learner.learn_many(
        [{"a": a, "b": b} for a, b in rows], ["left" if a < 0 else "right" for a, _ in rows]
    )
    for b in (7.0, 7.1, 6.9):
        learner.learn({"a": 0.0, "b": b}, "far")
    assert learner.predict({"a": 0.05, "b": 7.05}).label == "far"
    assert learner.predict({"a": 1.0, "b": 0.0}).label == "right"


def test_probabilities_and_novelty_add_up_to_one(steady):
    xs, _ = make_stream(80, seed=3)
    for p in [*steady.predict_many(xs), steady.predict({"never": "seen"}), steady.predict({})]:
        assert sum(p.probabilities.values()) + p.novelty == pytest.approx(1.0, abs=1e-9)
        assert min(p.probabilities.values()) >= 0.0
        assert 0.0 <= p.confidence <= 1.0 and 0.0 <= p.novelty <= 1.0
        assert p.probabilities[p.label] == max(p.probabilities.values())


def test_novelty_is_high_where_labels_keep_coming_and_low_where_none_does():
    rng = np.random.default_rng(0)
    rows = [{"a": a} for a in rng.normal(size=300).tolist()]
    fresh, known = Classifier(), Classifier()
    always = fresh.test_then_train(rows, [f"label {i}" for i in range(300)])
    never = known.test_then_train(rows, ["yes" if r["a"] > 0 else "no" for r in rows])
    assert always.novelty[50:].mean() > 0.8
    assert never.novelty[50:].mean() < 0.05


def test_novelty_learns_that_new_labels_come_far_from_the_known_ones():
    """Every tenth input is far out, and has a label of its own."""
    rng = np.random.default_rng(0)
    far = np.arange(500) % 10 == 9
    rows = rng.normal(size=(500, 2)) + np.where(far, 4.0 + np.arange(500) / 25.0, 0.0)[:, None]
    ys = [f"new {i}" if far[i] else ("yes" if row[0] > 0 else "no") for i, row in enumerate(rows)]
    said = Classifier().test_then_train([{"a": a, "b": b} for a, b in rows.tolist()], ys)
    late = np.arange(500) >= 200
    assert said.novelty[late & far].mean() > 3.0 * said.novelty[late & ~far].mean()
    assert said.novelty[late].mean() == pytest.approx(0.1, abs=0.05)


@pytest.mark.slow
def test_novelty_learns_where_new_labels_come_from():
    """Not where heads or tails are anyone's guess, but where all is plain save for new labels."""
    rng = np.random.default_rng(0)
    coin, odd, heads = rng.random((3, 1200)) < [[0.5], [0.2], [0.5]]
    new = [f"new {i}" for i in range(1200)]
    ys = np.where(coin, np.where(heads, "heads", "tails"), np.where(odd, new, "plain")).tolist()
    rows = rng.normal(size=1200) + np.where(coin, 10.0, 0.0)
    novelty = Classifier().test_then_train([{"a": a} for a in rows.tolist()], ys).novelty[600:]
    assert novelty[~coin[600:]].mean() > 1.5 * novelty[coin[600:]].mean()
    assert novelty.mean() == pytest.approx(0.1, abs=0.04)


def test_confidence_can_be_believed():
    learner = Classifier()
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(1500, 2))
    p = 1.0 / (1.0 + np.exp(-2.0 * rows[:, 0]))
    ys = ["yes" if u < q else "no" for u, q in zip(rng.random(1500), p, strict=True)]
    said = learner.test_then_train([{"a": a, "b": b} for a, b in rows.tolist()], ys)
    right = np.array([said[i].label == y for i, y in enumerate(ys)])[300:]
    confidence = said.confidence[300:]
    assert abs(confidence.mean() - right.mean()) < 0.04
    sure = confidence > np.median(confidence)
    assert right[sure].mean() > right[~sure].mean() + 0.1


def test_many_are_the_same_as_one_by_one():
    xs, ys = make_stream(90)
    one, many = Classifier(seed=3), Classifier(seed=3)
    for x, y in zip(xs, ys, strict=True):
        one.learn(x, y)
    many.learn_many(iter(xs), iter(ys))
    assert one.state_hash() == many.state_hash()
    batch = many.predict_many(xs)
    assert [p.label for p in batch] == [one.predict(x).label for x in xs]
    assert all(batch[i] == one.predict(x) for i, x in enumerate(xs))


def test_the_same_calls_give_the_same_state_and_another_seed_another():
    assert taught(120).state_hash() == taught(120).state_hash()
    assert taught(120).state_hash() != taught(120, seed=1).state_hash()


def test_the_hash_sees_every_example():
    one, other = taught(100), taught(100)
    one.learn({"a": 1.0}, "yes")
    other.learn({"a": 1.0 + 1e-12}, "yes")
    assert len({one.state_hash(), other.state_hash(), taught(100).state_hash()}) == 3


def test_a_late_label_scores_the_experts_on_what_they_said_then():
    """Labels of guesses arrive at once: who had guessed right gains, who had not loses.

    Others come in between, so that the guesses are no run of one label.
    """
    rng = np.random.default_rng(0)
    learner = taught(40)
    names = [name for name, _ in learner.experts]
    kernel, habit = names.index("kernel after"), names.index("habit rate")
    xs = [{"a": a, "b": 0.5, "kind": "web"} for a in rng.normal(size=400).tolist()]
    said = [learner.predict(x) for x in xs]
    for expert, other in ((kernel, habit), (habit, kernel)):
        late = Classifier(seed=1)
        stream = list(zip(*make_stream(440), strict=True))
        late.learn_many(*make_stream(40))
        for x, p, (x_between, y_between) in zip(xs, said, stream[40:], strict=True):
            late.learn(x_between, y_between)
            y = late.labels[p.votes[expert].argmax()]
            if y != late.labels[p.votes[other].argmax()]:
                late.learn(x, y, prediction=p)
        weights = dict(late.experts)
        assert weights[names[expert]] > weights[names[other]]


def test_a_prediction_handed_back_at_once_changes_nothing():
    """Up to rounding: it comes back as logarithms."""
    one, other = taught(100), taught(100)
    xs, ys = make_stream(20, seed=4)
    for x, y in zip(xs, ys, strict=True):
        one.learn(x, y)
        other.learn(x, y, prediction=other.predict(x))
    batches = one.predict_many(xs), other.predict_many(xs)
    np.testing.assert_allclose(batches[0].probabilities, batches[1].probabilities, atol=1e-6)


def test_a_prediction_from_before_new_labels_or_other_experts_still_serves():
    learner = Classifier()
    early = learner.predict({"a": 1.0})
    learner.learn({"a": 1.0}, "x", prediction=early)
    before = learner.predict({"a": 2.0})
    learner.learn({"a": 5.0}, "y")
    learner.learn({"a": 9.0}, "z")
    learner.learn({"a": 2.0}, "y", prediction=before)
    learner.learn({"a": 2.0}, "x", prediction=early)
    assert learner.examples == 5
    assert sum(learner.predict({"a": 2.0}).probabilities.values()) <= 1.0


def test_a_prediction_of_another_learner_is_refused_and_nothing_changes(steady):
    small = Classifier()
    small.learn({"a": 1.0}, "yes")
    small.learn({"a": 2.0}, "no")
    before = small.state_hash()
    with pytest.raises(InputError, match="another learner"):
        small.learn({"a": 1.0}, "yes", prediction=steady.predict({"a": 1.0}))
    assert small.state_hash() == before


def test_every_correction_is_recalled_exactly():
    """Labels thrown by dice: no expert can know them, so most are learned as corrections."""
    rng = np.random.default_rng(0)
    xs = [{"a": a, "kind": "web"} for a in rng.normal(size=200).tolist()]
    ys = [str(y) for y in rng.integers(4, size=200)]
    learner = Classifier()
    said = learner.test_then_train(xs, ys)
    corrected = [i for i in range(200) if said[i].label != ys[i]]
    assert len(corrected) > 100
    assert [learner.predict(xs[i]).label for i in corrected] == [ys[i] for i in corrected]


@pytest.mark.parametrize(
    "make",
    [lambda i: {"user": f"user {i}"}, lambda i: f"ticket number {i}", lambda i: [i, 2.0 * i]],
)
def test_a_correction_of_one_input_is_no_correction_of_another(make):
    """Names, texts and arrays that the experts can hardly tell apart."""
    learner = Classifier()
    learner.learn_many([make(i) for i in range(80)], ["usual"] * 79 + ["rare"])
    learner.learn(make(40), "corrected")
    assert learner.predict(make(40)).label == "corrected"
    others = [learner.predict(make(i)).label for i in range(79) if abs(i - 40) > 5]
    assert others.count("usual") > 0.9 * len(others)


def test_a_later_correction_supersedes():
    learner = taught(150)
    x = {"a": 0.4, "b": 0.3, "kind": "shop", "member": False}
    for y in ("first", "second"):
        learner.learn(x, y)
        learner.learn_many(*make_stream(20, seed=8))
        assert learner.predict(x).label == y


def test_an_input_without_a_steady_label_is_left_to_the_pool():
    """Five of six times yes: the last no is not the answer, although it was the last word."""
    learner = taught(100)
    x = {"a": 0.1, "b": 0.1, "kind": "web", "member": True}
    for i in range(60):
        learner.learn(x, "no" if i % 6 == 5 else "yes")
        learner.learn_many(*make_stream(3, seed=i))
    assert learner.predict(x).label == "yes"


def test_fields_come_and_go():
    learner = Classifier()
    rng = np.random.default_rng(0)
    xs = [{"old": a} for a in rng.normal(size=100)] + [{"new": a} for a in rng.normal(size=200)]
    ys = ["yes" if next(iter(x.values())) > 0 else "no" for x in xs]
    said = learner.test_then_train(xs, ys)
    right = np.array([said[i].label == y for i, y in enumerate(ys)])
    assert right[50:100].mean() > 0.9
    assert right[200:].mean() > 0.85
    assert {f.name: f.seen for f in learner.fields} == {"old": 100, "new": 200}


def test_text_may_join_numbers_later():
    learner = taught(60)
    for i in range(40):
        text = "my card was lost yesterday again" if i % 2 else "the transfer did not arrive yet"
        learner.learn({"a": 0.0, "note": text}, "card" if i % 2 else "transfer")
    assert learner.predict({"a": 0.0, "note": "my card is lost"}).label == "card"
    assert ("note", "text") in {(f.name, f.type) for f in learner.fields}


def test_the_order_of_fields_does_not_matter_to_an_answer(steady):
    x = make_stream(1, seed=5)[0][0]
    assert steady.predict(x) == steady.predict(dict(reversed(x.items())))


def test_a_schema_pins_types_and_is_saved(tmp_path):
    learner = Classifier(schema={"code": "category"})
    for i in range(60):
        learner.learn({"code": i % 3}, "middle" if i % 3 == 1 else "end")
    assert [(f.name, f.type) for f in learner.fields] == [("code", "category")]
    assert learner.predict({"code": 1}).label == "middle"
    learner.save(tmp_path / "model")
    loaded = Classifier.load(tmp_path / "model")
    loaded.learn({"code": 2}, "end")
    assert [(f.name, f.type) for f in loaded.fields] == [("code", "category")]
    with pytest.raises(RecordError, match="pinned to category"):
        loaded.learn({"code": [1.0]}, "end")


def test_only_the_named_experts_vote():
    learner = Classifier(experts=["kernel after", "gaussian"])
    learner.learn_many(*make_stream(120))
    assert [name for name, _ in learner.experts] == ["kernel after", "gaussian"]
    assert len(learner.explain({"a": 1.0}).votes) == 2
    assert sum(weight for _, weight in learner.experts) == pytest.approx(1.0)


def test_every_expert_can_stand_alone():
    names = {name for kind in ({"a": 1.0}, LONG) for name in all_names(kind)}
    for name in sorted(names):
        learner = Classifier(experts=[name])
        xs = [{"a": float(i % 7)} for i in range(30)] if name in all_names({"a": 1.0}) else []
        xs = xs or [f"{LONG} {['red', 'green', 'blue'][i % 3]}" for i in range(30)]
        learner.learn_many(xs, [str(i % 3) for i in range(30)])
        assert name in dict(learner.experts)
        assert learner.predict(xs[0]).label in learner.labels


def all_names(x):
    learner = Classifier()
    learner.learn(x, "y")
    return dict(learner.experts)


def test_experts_that_cannot_read_the_input_are_refused_and_nothing_changes():
    learner = Classifier(experts=["trees"])
    before = learner.state_hash()
    with pytest.raises(SettingError, match="trees"):
        learner.learn(LONG, "x")
    assert learner.state_hash() == before and learner.labels == ()
    learner.learn({"a": 1.0}, "x")


def test_weights_of_experts_add_up_to_one(steady):
    assert sum(weight for _, weight in steady.experts) == pytest.approx(1.0)


@pytest.mark.parametrize("kind", ["numbers", "texts", "late text", "many fields", "many labels"])
def test_memory_stays_within_the_least_budget(kind):
    learner = Classifier(budget_mb=LEAST_BUDGET_MB)
    rng = np.random.default_rng(0)
    for i in range(700):
        x, y = {"a": float(rng.normal())}, "xy"[i % 2]
        if kind == "texts" or (kind == "late text" and i > 100):
            x["t"] = " ".join(rng.choice(WORDS, 7))
        if kind == "many fields":
            x[f"f{i % 500}"] = float(rng.normal())
        if kind == "many labels":
            y = f"label {i % 100}"
        learner.learn(x, y)
    learner.consolidate()
    assert learner.size_bytes <= LEAST_BUDGET_MB * 2**20


def test_more_labels_than_the_budget_holds_are_refused_and_nothing_changes():
    learner = Classifier(budget_mb=LEAST_BUDGET_MB, experts=["softmax linear .999"])
    learner.learn({"a": 1.0}, "first")
    before = learner.state_hash()
    with pytest.raises(LabelError, match="too many"):
        learner.learn_many([{"a": 1.0}] * 20_000, [f"label {i}" for i in range(20_000)])
    assert learner.state_hash() == before


def test_consolidating_is_learning_again_what_is_remembered():
    learner = taught(170)
    twice = taught(170)
    learner.consolidate()
    twice.consolidate()
    assert learner.state_hash() == twice.state_hash() != taught(170).state_hash()
    xs, ys = make_stream(400, seed=2)
    right = [p.label == y for p, y in zip(learner.predict_many(xs), ys, strict=True)]
    assert np.mean(right) > 0.8
    assert learner.examples == 170


def test_an_explanation_holds_together(steady):
    x = make_stream(190)[0][-1]
    why = steady.explain(x)
    assert why.prediction == steady.predict(x)
    assert {(v.expert, v.weight) for v in why.votes} == set(steady.experts)
    weights = [v.weight for v in why.votes]
    assert weights == sorted(weights, reverse=True) and sum(weights) == pytest.approx(1.0)
    assert all(0.0 < v.probability <= 1.0 and v.label in steady.labels for v in why.votes)


def test_the_nearest_remembered_example_is_the_input_itself(steady):
    xs, ys = make_stream(200)
    for i in (150, 177, 199):
        first, *others = steady.explain(xs[i]).neighbours
        assert (first.number, first.label) == (i, ys[i])
        assert first.similarity == pytest.approx(1.0)
        known = {k: v for k, v in xs[i].items() if v is not None}
        assert first.record == pytest.approx(known)
        assert len(others) == 2
        assert 1.0 >= others[0].similarity >= others[1].similarity >= 0.0


def test_the_field_that_decides_matters_most():
    learner = Classifier()
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 3)).tolist()
    learner.learn_many(
        [dict(zip("abc", r, strict=True)) for r in rows],
        ["yes" if r[1] > 0 else "no" for r in rows],
    )
    for value in (1.5, -1.5):
        fields = learner.explain({"a": 0.1, "b": value, "c": -0.1}).fields
        assert fields[0][0] == "b" and fields[0][1] > 0.2
        assert {name for name, _ in fields} == {"a", "b", "c"}


def test_the_field_that_decides_matters_most_for_labels_that_only_differ_by_type():
    learner = Classifier()
    for i in range(120):
        learner.learn({"a": float(i % 2), "b": float(i % 3)}, True if i % 2 else 1)
    assert learner.explain({"a": 1.0, "b": 0.0}).fields[0][0] == "a"
    assert learner.explain({"a": 0.0, "b": 0.0}).fields[0][0] == "a"


def test_of_a_text_words_matter():
    learner = Classifier()
    for i in range(30):
        learner.learn("please help me with my lost card", "card") if i % 2 else learner.learn(
            "please help me with my late transfer", "transfer"
        )
    why = learner.explain("help with card")
    assert why.prediction.label == "card"
    assert why.fields[0][0] == "card"
    assert why.neighbours[0].record == "please help me with my lost card"


def test_saved_and_loaded_it_says_and_is_the_same(tmp_path, steady):
    steady.save(tmp_path / "model")
    loaded = Classifier.load(tmp_path / "model")
    xs, _ = make_stream(50, seed=6)
    assert loaded.state_hash() == steady.state_hash()
    assert list(loaded.predict_many(xs)) == list(steady.predict_many(xs))
    assert (loaded.labels, loaded.fields, loaded.experts) == (
        steady.labels,
        steady.fields,
        steady.experts,
    )
    assert loaded.explain(xs[0]) == steady.explain(xs[0])


@pytest.mark.parametrize("n", [0, 1, 7])
def test_even_a_beginner_can_be_saved(tmp_path, n):
    learner = Classifier()
    learner.learn_many(*make_stream(n))
    learner.save(tmp_path / "model")
    loaded = Classifier.load(tmp_path / "model")
    for each in (learner, loaded):
        each.learn_many(*make_stream(60, seed=1))
    assert loaded.state_hash() == learner.state_hash()


def test_a_hundred_thousand_would_cost_what_ten_thousand_do():
    """The arrays of the state stop growing once the memory of examples is full."""
    learner = Classifier(budget_mb=LEAST_BUDGET_MB, experts=["softmax linear .999"])
    sizes = []
    for seed in range(4):
        learner.learn_many(*make_stream(4000, seed=seed))
        sizes.append(learner.size_bytes)
    assert sizes[3] <= 1.02 * sizes[2]
