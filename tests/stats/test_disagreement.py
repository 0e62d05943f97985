"""Disagreement: nought where experts agree, the more the further they are apart."""

import numpy as np
import pytest
from scipy.stats import entropy

from quickstudy.stats.disagreement import disagreement


def votes(*rows):
    return np.log(np.array(rows, dtype=float))


def test_experts_that_say_the_same_teach_nothing_however_unsure():
    for row in ([0.5, 0.5], [0.999, 0.001], [0.2, 0.3, 0.5]):
        assert disagreement(votes(row, row, row)) == pytest.approx(0.0, abs=1e-12)
    assert disagreement(np.zeros((0, 0))) == disagreement(np.zeros((3, 0))) == 0.0


def test_it_is_the_information_between_label_and_expert():
    rng = np.random.default_rng(0)
    for _ in range(20):
        p = rng.dirichlet(np.ones(5), size=4)
        information = np.mean([entropy(row, p.mean(0)) for row in p])
        assert disagreement(np.log(p)) == pytest.approx(information)


def test_it_grows_as_they_come_apart_up_to_the_logarithm_of_the_labels():
    apart = [disagreement(votes([q, 1 - q], [1 - q, q])) for q in (0.5, 0.6, 0.8, 0.99, 1 - 1e-9)]
    assert apart == sorted(apart) and apart[-1] == pytest.approx(np.log(2), rel=1e-5)
    p = np.full((4, 4), 1e-12) + np.eye(4)
    assert disagreement(np.log(p)) <= np.log(4) + 1e-9


def test_the_order_of_experts_and_labels_makes_no_difference():
    p = np.random.default_rng(1).dirichlet(np.ones(6), size=5)
    assert disagreement(np.log(p)) == pytest.approx(disagreement(np.log(p[::-1, ::-1])))
