"""The pages have a name for every expert of a value function."""

from quickstudy.learners.value.experts import EXPERTS
from quickstudy.serve.dashboard.base.words import OF_RUNS


def test_every_expert_of_a_value_function_has_a_name_and_a_sentence():
    assert set(EXPERTS) | {"base"} == set(OF_RUNS)
    assert all(name and about for name, about in OF_RUNS.values())
