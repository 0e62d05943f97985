"""Peers see no label early, give proper probabilities, and read the records that we read."""

from __future__ import annotations

import numpy as np
import pytest

from quickstudy.errors import (
    InputError,
    LabelError,
    MissingExtraError,
    RecordError,
    SettingError,
)
from quickstudy.evaluate.peers.base import Peer, field_hints, require, split_record
from quickstudy.evaluate.peers.lightgbm import LightGBMPeer
from quickstudy.evaluate.peers.registry import PEERS, make_peer, peer_name, peer_version, run_peer

LABELS = ["high", "low", "mid"]
NEEDS_ALL_LABELS = ["vw", "vw.q", "capymoa.ARF", "capymoa.SRP", "capymoa.SAMkNN"]


def mixed_stream(n, seed=0):
    """Numbers, a category, a boolean and missing values; the label follows from two of them."""
    rng = np.random.default_rng(seed)
    records, labels = [], []
    for _ in range(n):
        size, colour = rng.normal(), ("red", "blue")[rng.integers(2)]
        record = {"size": size, "noise": rng.normal(), "colour": colour, "new": bool(size > 2)}
        if rng.random() < 0.1:
            record["noise"] = None
        records.append(record)
        labels.append("mid" if colour == "red" else "high" if size > 0 else "low")
    return records, labels


def made(name, records, labels=LABELS):
    """The peer, or a skipped test where its library is not installed."""
    try:
        return make_peer(name, labels=labels, fields=field_hints(records))
    except MissingExtraError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", PEERS)
def test_probabilities_cover_exactly_the_labels_learned_and_add_up_to_one(name):
    records, labels = mixed_stream(150)
    peer = made(name, records)
    assert peer.predict(records[0]) == {}
    for i, (record, label) in enumerate(zip(records, labels, strict=True)):
        peer.learn(record, label)
        shares = peer.predict(records[(i + 1) % 150])
        assert set(shares) == set(labels[: i + 1])
        assert sum(shares.values()) == pytest.approx(1.0)
        assert min(shares.values()) >= 0.0


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_reads_numbers_categories_booleans_and_missing_values_and_learns(name):
    records, labels = mixed_stream(1_100)
    made(name, records)
    run = run_peer(name, records, labels)
    late = slice(500, None)
    accuracy = np.mean(run.outcome.answer[late] == run.outcome.truth[late])
    commonest = np.bincount(run.outcome.truth[late]).max() / 600
    assert accuracy > commonest + 0.2


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("delay", [0, 7])
def test_no_answer_depends_on_a_label_that_had_not_arrived(name, delay):
    records, labels = mixed_stream(220)
    made(name, records)
    cut = 90  # LightGBM, first fitted at 100 rows, can then show that later labels do matter
    other = labels[:cut] + [LABELS[(LABELS.index(label) + 1) % 3] for label in labels[cut:]]
    a, b = (run_peer(name, records, ys, delay=delay).outcome for ys in (labels, other))
    last = cut + delay + 1
    assert np.array_equal(a.answer[:last], b.answer[:last])
    assert np.array_equal(a.confidence[:last], b.confidence[:last])
    assert not np.array_equal(a.confidence[last:], b.confidence[last:])


@pytest.mark.parametrize("name", PEERS)
def test_a_seed_repeats_a_run(name):
    records, labels = mixed_stream(600)
    made(name, records)
    a, b = (run_peer(name, records, labels, seed=3).outcome for _ in range(2))
    assert np.array_equal(a.probability, b.probability)


@pytest.mark.parametrize("name", NEEDS_ALL_LABELS)
def test_a_peer_with_fixed_outputs_refuses_a_label_that_was_not_announced(name):
    records, _ = mixed_stream(3)
    peer = made(name, records, labels=["high", "low"])
    with pytest.raises(LabelError, match="'mid'"):
        peer.learn(records[0], "mid")
    assert peer.predict(records[0]) == {}


def test_a_label_counts_as_seen_only_after_it_arrived():
    records, _ = mixed_stream(5)
    run = run_peer("lightgbm", records, ["a", "a", "b", "a", "b"], delay=1)
    assert run.label_seen.tolist() == [False, False, False, True, True]
    assert run.outcome.answer.tolist() == [-1, -1, 0, 0, 0]
    assert run.outcome.probability.tolist() == pytest.approx([0, 0, 0, 1, 1 / 3])


def test_lightgbm_answers_with_label_shares_until_its_first_fit_at_100_rows():
    records, _ = mixed_stream(100)
    labels = ["low"] * 70 + ["high"] * 30
    peer = made("lightgbm", records)
    for record, label in zip(records[:99], labels[:99], strict=True):
        peer.learn(record, label)
    assert peer.predict(records[0]) == pytest.approx({"low": 70 / 99, "high": 29 / 99})
    peer.learn(records[99], labels[99])
    assert peer.predict(records[0]) != pytest.approx({"low": 0.7, "high": 0.3})


def test_lightgbm_is_retrained_at_100_rows_and_every_1000(monkeypatch):
    fits = []
    monkeypatch.setattr(LightGBMPeer, "refit", lambda peer: fits.append(len(peer.rows)))
    peer = make_peer("lightgbm", labels=LABELS, fields={})
    for _ in range(3_100):
        peer.learn({"x": 1.0}, "low")
    assert fits == [100, 1_000, 2_000, 3_000]


def test_lightgbm_takes_fields_and_categories_that_come_late_or_go():
    records, labels = mixed_stream(1_000)
    peer = made("lightgbm", records)
    for i, (record, label) in enumerate(zip(records, labels, strict=True)):
        late = {"late": 1.0, "word": "x"} if i >= 100 else {}
        peer.learn(record | late, label)
    assert set(peer.predict({"colour": "never met", "stranger": 3.0})) == set(labels)
    assert max(peer.predict({"colour": "red"}).items(), key=lambda item: item[1])[0] == "mid"


def test_progress_is_told_every_thousand_rows():
    records, labels = mixed_stream(2_100)
    told = []
    run_peer("lightgbm", records, labels, progress=lambda done, total: told.append((done, total)))
    assert told == [(1_000, 2_100), (2_000, 2_100)]


def test_a_run_says_who_ran_and_what_it_cost():
    records, labels = mixed_stream(120)
    run = run_peer("LightGBM", records, labels, delay=2)
    assert run.name == "lightgbm" and run.version == peer_version("lightgbm")
    assert run.outcome.delay == 2
    assert run.examples_per_second > 0 and run.cpu_seconds > 0 and run.memory_growth_mb >= 0


def test_a_peer_is_found_in_any_case_and_an_unknown_one_is_answered_with_the_list():
    assert peer_name("CAPYMOA.samknn") == "capymoa.SAMkNN"
    with pytest.raises(SettingError) as refusal:
        make_peer("xgboost", labels=LABELS, fields={})
    assert all(name in str(refusal.value) for name in [*PEERS, "xgboost"])


def test_a_missing_library_says_what_to_install():
    with pytest.raises(MissingExtraError, match=r"pip install 'quickstudy\[peers\]'"):
        require("no_such_library.at_all")


@pytest.mark.parametrize(
    ("value", "said"), [([1.0, 2.0], "cannot read"), (float("inf"), "not finite")]
)
def test_a_value_that_no_peer_reads_is_refused_by_field(value, said):
    with pytest.raises(RecordError, match=f"'size'.*{said}"):
        split_record({"size": value})


def test_nan_is_missing():
    assert split_record({"a": float("nan"), "b": None, "c": np.float32(0.5)}) == ({"c": 0.5}, {})


def test_a_library_without_an_answer_is_answered_for_by_the_label_shares():
    class Silent(Peer):
        def vote(self, record):
            return {"low": float("nan")}

        def train(self, record, label):
            pass

    peer = Silent(labels=LABELS, fields={}, seed=1)
    for label in ("low", "low", "low", "high"):
        peer.learn({}, label)
    assert peer.predict({}) == {"low": 0.75, "high": 0.25}


@pytest.mark.parametrize(("records", "labels"), [([], []), ([{"x": 1.0}], ["a", "b"])])
def test_a_stream_without_rows_or_with_unequal_labels_is_refused(records, labels):
    with pytest.raises(InputError, match="one label a record"):
        run_peer("lightgbm", records, labels)


def test_a_negative_delay_is_refused():
    with pytest.raises(SettingError, match="delay"):
        run_peer("lightgbm", [{"x": 1.0}], ["a"], delay=-1)
