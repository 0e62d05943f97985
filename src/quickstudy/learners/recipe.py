"""Which experts a learner starts with, and the views of the input that they read."""

from __future__ import annotations

from quickstudy.encode.featuremap import View
from quickstudy.memory.expert import Expert
from quickstudy.memory.gaussian import GaussianClasses
from quickstudy.memory.habit import Habit
from quickstudy.memory.kernel import LeastSquares
from quickstudy.memory.neighbours import Neighbours
from quickstudy.memory.slow import SlowTrees
from quickstudy.memory.softmax import OnlineSoftmax

TABULAR_VIEWS = {
    "after": View(linear=True, last=True, width=2.0, landmarks=150),
    "plain": View(linear=True, width=2.0, landmarks=150),
    "smooth": View(linear=True, last=True, width=0.5, landmarks=150),
    "sharp": View(linear=False, width=8.0, landmarks=150),
    "linear": View(linear=True, last=True),
}


def tabular_experts() -> list[Expert]:
    """The pool for records of numbers, booleans and categories."""
    return [
        LeastSquares("kernel after", view="after", familiar=True),
        LeastSquares("kernel after .999", view="after", discount=0.999),
        LeastSquares("kernel .99", view="plain", discount=0.99),
        LeastSquares("kernel smooth .995", view="smooth", discount=0.995),
        LeastSquares("kernel sharp .998", view="sharp", discount=0.998),
        OnlineSoftmax("softmax smooth", view="smooth"),
        OnlineSoftmax("softmax linear .999", view="linear", discount=0.999),
        GaussianClasses("gaussian", view="after", prior=5.0),
        Neighbours(),
        Habit(),
        SlowTrees("trees"),
        SlowTrees("trees recent", recent=1000),
    ]
