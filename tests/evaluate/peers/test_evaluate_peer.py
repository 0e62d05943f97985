"""Peers in our evaluation: any record, any label, the same measures."""

import numpy as np
import pytest

from quickstudy.errors import SettingError
from quickstudy.evaluate.measures import measure
from quickstudy.evaluate.peers.evaluate_peer import evaluate_peer, peer_names


@pytest.mark.parametrize("delay", [0, 100])
def test_a_peer_learns_from_vectors_and_progress_adds_up(delay):
    rng = np.random.default_rng(0)
    records = [{"v": row, "city": "Rome"} for row in rng.normal(size=(2500, 2))]
    labels = ["up" if r["v"][0] > 0 else "down" for r in records]
    steps = []
    outcome = evaluate_peer("lightgbm", records, labels, delay=delay, progress=steps.append)
    figures = measure(outcome)
    assert sum(steps) == 2500 and outcome.delay == delay
    assert figures["accuracy"] > 0.7 and outcome.right[1500:].mean() > 0.95


def test_labels_of_any_type_are_told_apart():
    records = [{"v": [float(i % 3)]} for i in range(40)]
    outcome = evaluate_peer("lightgbm", records, [1, True, "1", 1] * 10)
    assert outcome.labels == ("1", "True", "'1'")


def test_names_are_checked_before_anything_runs():
    assert peer_names(" LightGBM, lightgbm,") == ["lightgbm"]
    assert peer_names("") == []
    with pytest.raises(SettingError, match="'nobody' is not known"):
        peer_names("lightgbm,nobody")
