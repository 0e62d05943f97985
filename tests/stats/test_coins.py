"""Coins: the same tosses as from the seed alone, in any order, and fair."""

import numpy as np
import pytest

from quickstudy.stats.draws import AuditDraws, coin


@pytest.mark.parametrize("seed", [0, 7, 2**63, 2**64 - 1])
def test_each_toss_is_that_of_its_number_in_whatever_order(seed):
    numbers = [0, 1, 2, 3, 4, 5, 1_000_003, 2**62, 3, 0]
    coins = AuditDraws(seed)
    assert [coins.draw(n) for n in numbers] == [coin(seed, n) for n in numbers]


def test_tosses_are_uniform_and_tell_nothing_of_the_next():
    coins = AuditDraws(5)
    tosses = np.array([coins.draw(n) for n in range(4000)])
    assert ((tosses >= 0) & (tosses < 1)).all()
    assert np.histogram(tosses, 10, (0, 1))[0].min() > 330
    assert abs(np.corrcoef(tosses[:-1], tosses[1:])[0, 1]) < 0.05
    other = AuditDraws(6)
    assert abs(np.corrcoef(tosses, [other.draw(n) for n in range(4000)])[0, 1]) < 0.05
