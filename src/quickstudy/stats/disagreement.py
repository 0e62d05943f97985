"""Disagreement between experts, as an acquisition score for labels."""

from __future__ import annotations

import numpy as np
from numba import njit

from quickstudy.types import Floats


def disagreement(votes: Floats) -> float:
    """Jensen-Shannon divergence, in nats, of experts' log-probabilities `votes` (E, K).

    0 if all experts agree, however unsure they are; at most log K. It is the mutual information
    between the label and the choice of the expert.

    Reference:
        Houlsby et al. (2011), Bayesian active learning for classification and preference learning,
        https://arxiv.org/abs/1112.5745.

    >>> sure_and_apart = np.log([[0.999, 0.001], [0.001, 0.999]])
    >>> unsure_alike = np.log([[0.5, 0.5], [0.5, 0.5]])
    >>> round(disagreement(sure_and_apart), 2), round(disagreement(unsure_alike), 2)
    (0.69, 0.0)
    """
    return max(0.0, _divergence(votes)) if votes.size else 0.0


@njit(cache=True)
def _divergence(votes):  # type: ignore[no-untyped-def]
    experts, labels = votes.shape
    total = 0.0
    for c in range(labels):
        mean = 0.0
        for e in range(experts):
            p = np.exp(votes[e, c])
            mean += p / experts
            total += p * votes[e, c] / experts
        if mean > 0.0:
            total -= mean * np.log(mean)
    return total
