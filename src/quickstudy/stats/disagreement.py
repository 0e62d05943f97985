"""How much a label would teach: the disagreement between experts."""

from __future__ import annotations

import numpy as np

from quickstudy.types import Floats


def disagreement(votes: Floats) -> float:
    """Jensen-Shannon divergence, in nats, of experts' log-probabilities `votes` (E, K).

    0 where all say the same, however unsure; at most log K. The mutual information between the
    label and which expert one believes.

    Reference:
        Houlsby et al. (2011), Bayesian active learning for classification and preference learning,
        https://arxiv.org/abs/1112.5745.

    >>> sure_and_apart = np.log([[0.999, 0.001], [0.001, 0.999]])
    >>> unsure_alike = np.log([[0.5, 0.5], [0.5, 0.5]])
    >>> round(disagreement(sure_and_apart), 2), round(disagreement(unsure_alike), 2)
    (0.69, 0.0)
    """
    if votes.size == 0:
        return 0.0
    p = np.exp(votes)
    mean = p.mean(0)
    entropy = -float((p * votes).sum()) / len(p)
    return max(0.0, -float(mean @ np.log(np.maximum(mean, 1e-300))) - entropy)
