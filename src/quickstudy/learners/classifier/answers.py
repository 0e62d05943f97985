"""Answers of a mixture to n rows, and how answers to consecutive rows are joined."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quickstudy.experts.base import FLOOR
from quickstudy.types import Floats


@dataclass(frozen=True)
class Answers:
    """Answers to n rows: `p` (n, K), `votes` (n, E + M, K); see `PredictionBatch`."""

    p: Floats
    confidence: Floats
    novelty: Floats
    votes: Floats


def joined(parts: list[Answers], *, labels: int, outputs: int) -> Answers:
    """Answers to consecutive rows as one, for `labels` labels; labels unknown then have p = 0."""
    if len(parts) == 1 and parts[0].p.shape[1] == labels:
        return parts[0]
    n = sum(len(a.novelty) for a in parts)
    p, votes = np.zeros((n, labels)), np.full((n, outputs, labels), np.log(FLOOR))
    at = 0
    for a in parts:
        rows = slice(at, at + len(a.novelty))
        p[rows, : a.p.shape[1]] = a.p
        if a.votes.shape[1] == outputs:  # else the experts have changed since
            votes[rows, :, : a.p.shape[1]] = a.votes
        at += len(a.novelty)
    empty = [np.zeros(0)]
    return Answers(
        p,
        np.concatenate([a.confidence for a in parts] or empty),
        np.concatenate([a.novelty for a in parts] or empty),
        votes,
    )


def log_outputs(votes: Floats, members: Floats) -> Floats:
    """Log-probabilities of experts (E, n, K) and pool members (M, n, K), shape (n, E + M, K)."""
    logs = np.log(np.maximum(members, FLOOR))
    return np.concatenate([votes, logs]).transpose(1, 0, 2)


def padded(outputs: Floats, labels: int) -> Floats:
    """Earlier outputs (E + M, K') for K >= K' labels: labels unknown then get the floor."""
    out = np.full((len(outputs), labels), np.log(FLOOR))
    out[:, : outputs.shape[1]] = outputs
    return out
