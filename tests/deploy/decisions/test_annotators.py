"""What sources said is counted, compared with others, and odd ones stand out."""

from dataclasses import dataclass
from fractions import Fraction
from math import comb

import numpy as np
import pytest
from scipy.stats import fisher_exact
from sqlalchemy import text

from quickstudy.api.decisions import Feedback
from quickstudy.deploy.core.contract import Draft
from quickstudy.deploy.decisions.annotators import agreement, p_value, sources
from quickstudy.deploy.guardrails.risk import encode_decision
from quickstudy.deploy.handlers import HANDLERS
from quickstudy.deploy.hosting.learner import HostedLearner
from quickstudy.errors import StoreError
from tests.deploy.support import SECONDS


@dataclass
class Words:
    """Has annotators speak, in one transaction."""

    hosted: HostedLearner
    words: list


@pytest.fixture(autouse=True)
def spoken(monkeypatch):
    """A command by which annotators speak; of deployments that are opened from here on."""
    number = 0

    def handle(context, command):
        """As many feedbacks, of which only what they say of annotators is looked at."""
        nonlocal number
        for source, labels, spoke, against in command.words:
            number += 1
            hosted, case = command.hosted.number, f"case {number}"
            sure = {"confidence": 1.0, "label": "y", "record": {"a": number}, "alternatives": []}
            made = command.hosted.control.propose(0.0, None)
            sure |= {"decision": encode_decision(made, 0), "limit": "", "version": ""}
            predicted = yield Draft("predicted", hosted, actor="me", subject=case, payload=sure)
            payload = {"status": "accepted", "learn": "label" if labels else None, "label": "x"}
            payload |= {"source": source, "counted": False, "wrong": against, "refuted": False}
            about = {"case": predicted.seq} if spoke else {}
            draft = Draft("feedback", hosted, actor="me", subject=case, payload=payload | about)
            yield draft

    monkeypatch.setitem(HANDLERS, Words, handle)


@pytest.fixture
def words(deployment):
    """Have annotators speak: (source, labels, spoke, against), how often."""

    def say(*words, name="t"):
        given = [word[:4] for word in words for _ in range(word[4])]
        return deployment.writer.submit(Words(deployment.classifiers.by_name[name], given)).result(
            SECONDS
        )

    return say


def report(deployment, trusted=(), name="t"):
    with deployment.store.reading() as connection:
        return sources(connection, deployment.classifiers.by_name[name].number, trusted)


def by_name(deployment, **more):
    return {r.source: r for r in report(deployment, **more)}


def test_before_anybody_spoke_there_are_no_sources(deployment):
    assert report(deployment) == []


def test_words_are_counted_and_shares_add_up(deployment, words):
    words(("ana", 1, True, False, 6), ("ana", 0, True, True, 1), ("ben", 1, False, False, 2))
    words(("ana", 1, False, True, 1), ("ben", 0, False, False, 3))
    ana, ben = report(deployment)
    assert (ana.source, ana.labels, ana.spoke, ana.against) == ("ana", 7, 7, 1)
    assert (ben.source, ben.labels, ben.spoke, ben.against) == ("ben", 2, 0, 0)
    assert (ana.against_others, ben.against_others) == ((0, 0), (7, 1))
    assert ana.share == pytest.approx(7 / 9) and ana.share + ben.share == pytest.approx(1.0)
    assert 0 < ana.first < ana.last and not ana.unusual


def test_learners_have_sources_of_their_own(deployment, words):
    deployment.create("other", seed=1)
    words(("ana", 1, False, False, 2))
    words(("ana", 1, False, False, 1), ("eve", 0, True, True, 50), name="other")
    assert [(r.source, r.labels, r.share) for r in report(deployment)] == [("ana", 2, 1.0)]
    assert by_name(deployment)["ana"].against_others == (0, 0)


def test_trusted_are_those_of_the_settings_and_all_where_none_is_named(deployment, words):
    words(("ana", 1, False, False, 1), ("ben", 1, False, False, 1))
    assert [r.trusted for r in report(deployment)] == [True, True]
    assert {r.source: r.trusted for r in report(deployment, ["ben"])} == {"ana": False, "ben": True}


def test_who_contradicts_sure_answers_more_than_others_stands_out(deployment, words):
    words(("ana", 1, True, False, 190), ("ana", 1, True, True, 10))
    words(("ben", 1, True, False, 90), ("ben", 1, True, True, 8))
    words(("eve", 1, True, False, 24), ("eve", 1, True, True, 16), ("new", 1, True, True, 1))
    assert [name for name, r in by_name(deployment).items() if r.unusual] == ["eve"]


def test_alone_nobody_is_unusual(deployment, words):
    words(("eve", 1, True, True, 500), ("ana", 1, False, False, 500))
    assert not any(r.unusual for r in report(deployment))


@pytest.mark.parametrize("seed", range(5))
def test_the_chance_is_that_of_fishers_exact_test(seed):
    rng = np.random.default_rng(seed)
    for size in (5, 50, 5_000, 1_000_000):
        spoke, others = (int(n) for n in rng.integers(1, size, 2))
        against = int(rng.binomial(spoke, 0.1))
        against_others = int(rng.binomial(others, 0.1))
        table = [[against, spoke - against], [against_others, others - against_others]]
        expected = fisher_exact(table, alternative="greater").pvalue
        assert p_value(spoke, against, (others, against_others)) == pytest.approx(
            expected, rel=1e-6
        )


@pytest.mark.parametrize(
    ("spoke", "against", "others"),
    [(4, 3, (4, 1)), (20, 6, (200, 4)), (700, 40, (3_000, 120)), (5, 5, (1, 0)), (9, 1, (90, 0))],
)
def test_the_chance_is_counted_among_all_ways_to_draw(spoke, against, others):
    """Every way in which the contradictions could have fallen to the source, in whole numbers."""
    total, wrong = spoke + others[0], against + others[1]
    ways = [comb(wrong, k) * comb(total - wrong, spoke - k) for k in range(spoke + 1)]
    counted = Fraction(sum(ways[against:]), sum(ways))
    assert sum(ways) == comb(total, spoke)
    assert p_value(spoke, against, others) == pytest.approx(float(counted), rel=1e-12)


def test_the_tea_that_the_lady_tasted():
    """Fisher (1935), "The Design of Experiments", chapter 2: three of four cups, 17 ways in 70."""
    assert p_value(4, 3, (4, 1)) == pytest.approx(17 / 70, rel=1e-12)
    assert p_value(4, 4, (4, 0)) == pytest.approx(1 / 70, rel=1e-12)
    assert p_value(0, 0, (4, 0)) == p_value(4, 4, (0, 0)) == 1.0


def test_like_the_others_one_in_a_thousand_at_most_is_called_unusual():
    rng = np.random.default_rng(0)
    counts = rng.binomial([[40], [400]], 0.08, size=(2, 10_000)).T.tolist()
    called = [p_value(40, mine, (400, theirs)) < 1e-3 for mine, theirs in counts]
    assert np.mean(called) <= 1e-3 + 3 * np.sqrt(1e-3 / 10_000)


def test_sources_agree_on_the_cases_that_both_spoke_of(deployment):
    ids = [answer.id for answer in deployment.predict_many("t", [{"a": i} for i in range(6)])]
    says = {
        "ana": ["x", "x", "x", "x", 1, None],
        "ben": ["x", "x", "y", None, "1", "x"],
        "cat": ["y", None, None, None, None, None],
        "dan": [None, None, None, "x", None, "z"],
    }
    for source, labels in says.items():
        given = [Feedback(c, label=y, source=source) for c, y in zip(ids, labels, strict=True) if y]
        deployment.feedback_many(given)
    found = {name: r.agreement for name, r in by_name(deployment).items()}
    assert found["ana"] == (("ben", 4, 2), ("cat", 1, 0), ("dan", 1, 1))
    assert found["ben"] == (("ana", 4, 2), ("cat", 1, 0), ("dan", 1, 0))
    assert found["dan"] == (("ana", 1, 1), ("ben", 1, 0))


def test_agreement_is_that_of_the_latest_cases(deployment, monkeypatch):
    ids = [answer.id for answer in deployment.predict_many("t", [{"a": i} for i in range(5)])]
    for source, labels in (("ana", "xxxxx"), ("ben", "yyyxy")):
        for case, label in zip(ids, labels, strict=True):
            deployment.feedback(case, label=label, source=source)
    assert by_name(deployment)["ana"].agreement == (("ben", 5, 1),)
    monkeypatch.setattr("quickstudy.deploy.decisions.annotators.LATEST", 2)
    assert by_name(deployment)["ana"].agreement == (("ben", 2, 1),)


def test_the_last_word_of_a_source_is_what_it_says(deployment):
    case = deployment.predict("t", {"a": 1}).id
    for source, label in (("ana", "x"), ("ben", "y"), ("ben", "x")):
        deployment.feedback(case, label=label, source=source)
    assert by_name(deployment)["ana"].agreement == (("ben", 1, 1),)


def test_not_this_contradicts_that_label_alone():
    """Against each other in every combination, and by the definition."""
    said = {"a": '"x"', "b": '"y"', "c": '{"not":"x"}', "d": '{"not":"x"}', "e": '{"not":"y"}'}
    found = agreement([("case", name, word) for name, word in said.items()], list(said))
    against = {frozenset(pair) for pair in ("ab", "ac", "ad", "be")}
    for name, others in found.items():
        assert sorted(other for other, _, _ in others) == sorted(set(said) - {name})
        for other, n, agree in others:
            assert (n, agree) == (1, int(frozenset(name + other) not in against))


def test_agreement_is_that_of_a_slow_count():
    rng = np.random.default_rng(3)
    names = [f"s{i}" for i in range(7)]
    table = {
        (case, name): f'"{rng.integers(3)}"'
        for case in range(200)
        for name in names
        if rng.random() < 0.4
    }
    words = [(f"c{case}", name, label) for (case, name), label in table.items()]
    found = agreement(words, names)
    for name in names:
        for other, n, agree in found[name]:
            both = [c for c in range(200) if (c, name) in table and (c, other) in table]
            assert n == len(both)
            assert agree == sum(table[c, name] == table[c, other] for c in both)


def test_at_most_fifty_sources_are_shown_and_all_are_counted(deployment, words):
    words(*[(f"s{i}", 1, True, False, 1 + (i < 50)) for i in range(60)])
    found = report(deployment)
    assert {r.source for r in found} == {f"s{i}" for i in range(50)}
    assert sum(r.share for r in found) == pytest.approx(100 / 110)
    assert {r.against_others for r in found} == {(108, 0)}


@pytest.mark.parametrize("table", ["annotators SET labels", "labels_by_source SET seq"])
def test_a_row_that_was_changed_on_disk_is_noticed(deployment, table):
    case = deployment.predict("t", {"a": 1}).id
    deployment.feedback(case, label="x", source="ana")
    deployment.flush()
    with deployment.store.engine.begin() as connection:
        connection.execute(text(f"UPDATE {table} = 77"))
    with pytest.raises(StoreError, match="damaged"):
        report(deployment)
