"""The nouns: probabilities by label, in which 1, True and "1" are three."""

import numpy as np

from quickstudy.types import Probabilities

THREE = Probabilities((1, True, "1", "x"), np.array([0.2, 0.5, 0.2, 0.1]))


def test_the_most_probable_come_first_and_ties_in_the_order_of_the_labels():
    assert THREE.top(2) == [(True, 0.5), (1, 0.2)]
    assert [type(label) for label, _ in THREE.top(3)] == [bool, int, str]
    assert [p for _, p in THREE.top(9)] == [0.5, 0.2, 0.2, 0.1]
    assert THREE.top(0) == [] == Probabilities((), np.zeros(0)).top(5)
    assert all(type(p) is float for _, p in THREE.top(4))
