"""Boosted trees as flat arrays: LightGBM grows them; prediction does not need it."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from quickstudy.experts.base import FLOOR, State
from quickstudy.types import Floats

SETTINGS = {
    "learning_rate": 0.1,
    "num_leaves": 31,
    "min_data_in_leaf": 10,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
TREES = 100  # rounds for two labels
MOST_TREES = 800  # over all labels: more labels get fewer rounds
LEAST_ROUNDS = 20
MOST_COLUMNS = 256  # on more columns growing trees would dominate the cost of an example


class Trees:
    """A boosted ensemble over the labels of its training examples.

    Arrays: `feature, threshold, left, right, missing_left` have one entry for each inner node (a
    child below 0 is leaf `-child - 1`); `leaves` holds the leaf values; `first_node` and
    `first_leaf` the offsets of each tree; `labels` the label index of each class.
    """

    def __init__(self, arrays: State) -> None:
        self.arrays = arrays

    def log_probabilities(self, rows: Floats, labels: int) -> Floats:
        """Log-probabilities (n, labels); unknown labels share a probability of 1e-3."""
        a = self.arrays
        out = np.empty((len(rows), labels))
        _predict(
            rows,
            a["feature"],
            a["threshold"],
            a["left"],
            a["right"],
            a["missing_left"],
            a["leaves"],
            a["first_node"],
            a["first_leaf"],
            a["labels"],
            labels,
            out,
        )
        return out


def grow_trees(rows: Floats, y: NDArray[np.int64], *, seed: int, share: float = 1.0) -> Trees:
    """Grow boosted trees on `rows` (n, d) and label indices `y` (n,) with at least two labels.

    `share` is the share of the default number of rounds.
    """
    import lightgbm as lgb

    columns = _chosen_columns(rows)
    present, target = np.unique(y, return_inverse=True)
    many = len(present) > 2
    settings = SETTINGS | {
        "objective": "multiclass" if many else "binary",
        "seed": seed,
        **({"num_class": len(present)} if many else {}),
    }
    rounds = int(np.clip(MOST_TREES / len(present), LEAST_ROUNDS, TREES)) if many else TREES
    booster = lgb.train(
        settings, lgb.Dataset(rows[:, columns], target), num_boost_round=round(rounds * share)
    )
    arrays = _arrays(booster.model_to_string(), present)
    arrays["feature"] = columns[arrays["feature"]].astype(np.int32)
    return Trees(arrays)


def _chosen_columns(rows: Floats) -> NDArray[np.int64]:
    """The columns that trees are grown on: the 256 with the fewest missing values."""
    if rows.shape[1] <= MOST_COLUMNS:
        return np.arange(rows.shape[1])
    known = np.zeros(rows.shape[1])
    for row in rows:
        known += ~np.isnan(row)
    return np.sort(np.argsort(-known, kind="stable")[:MOST_COLUMNS])


def _arrays(text: str, labels: NDArray[np.int64]) -> State:
    """Parse the trees from LightGBM's text format."""
    parts: dict[str, list[NDArray[np.float64]]] = {}
    names = ("split_feature", "threshold", "decision_type", "left_child", "right_child")
    for tree in text.split("\nTree=")[1:]:
        lines = dict(line.split("=", 1) for line in tree.splitlines() if "=" in line)
        for name in (*names, "leaf_value"):
            values = np.array(lines.get(name, "").split(), dtype=float)
            parts.setdefault(name, []).append(values)
    joined = {name: np.concatenate(values) for name, values in parts.items()}
    sizes = [len(v) for v in parts["split_feature"]]
    leaves = [len(v) for v in parts["leaf_value"]]
    flags = joined["decision_type"].astype(np.int64)
    # missing type 2 (NaN) takes the default direction; type 0 treats a missing value as 0
    by_default = (flags >> 2) & 3 == 2
    missing_left = np.where(by_default, flags & 2 > 0, joined["threshold"] >= 0.0)
    return {
        "feature": joined["split_feature"].astype(np.int32),
        "threshold": joined["threshold"],
        "left": joined["left_child"].astype(np.int32),
        "right": joined["right_child"].astype(np.int32),
        "missing_left": missing_left,
        "leaves": joined["leaf_value"],
        "first_node": np.cumsum([0, *sizes[:-1]]).astype(np.int64),
        "first_leaf": np.cumsum([0, *leaves[:-1]]).astype(np.int64),
        "labels": labels.astype(np.int64),
    }


@njit(cache=True)
def _predict(  # type: ignore[no-untyped-def]
    rows,
    feature,
    threshold,
    left,
    right,
    missing_left,
    leaves,
    first_node,
    first_leaf,
    present,
    labels,
    out,
):
    classes = len(present)
    per_round = classes if classes > 2 else 1
    score = np.zeros(classes)
    for i in range(len(rows)):
        score[:] = 0.0
        for t in range(len(first_node)):
            base = first_node[t]
            last = first_node[t + 1] if t + 1 < len(first_node) else len(feature)
            node = 0 if last > base else -1
            while node >= 0:
                at = base + node
                value = rows[i, feature[at]]
                go_left = missing_left[at] if np.isnan(value) else value <= threshold[at]
                node = left[at] if go_left else right[at]
            score[t % per_round] += leaves[first_leaf[t] - node - 1]
        if per_round == 1:
            score[1] = score[0]
            score[0] = 0.0
        top = score.max()
        total = 0.0
        for c in range(classes):
            score[c] = np.exp(score[c] - top)
            total += score[c]
        unseen = 1e-3 if labels > classes else 0.0
        for c in range(labels):
            out[i, c] = np.log(FLOOR / labels + unseen / labels)
        for c in range(classes):
            p = (1.0 - FLOOR - unseen) * score[c] / total
            out[i, present[c]] = np.log(p + (FLOOR + unseen) / labels)
