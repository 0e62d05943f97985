"""Which experts a learner starts with, and the views of the input that they read."""

from __future__ import annotations

from dataclasses import dataclass

from quickstudy.errors import SettingError
from quickstudy.encode.featuremap import View
from quickstudy.memory.expert import Expert
from quickstudy.memory.gaussian import GaussianClasses
from quickstudy.memory.habit import Habit
from quickstudy.memory.kernel import LeastSquares
from quickstudy.memory.neighbours import Neighbours
from quickstudy.memory.slow import SlowSoftmax, SlowTrees
from quickstudy.memory.softmax import OnlineSoftmax


@dataclass(frozen=True)
class Recipe:
    """Experts, and the views that they read by name."""

    views: dict[str, View]
    experts: list[Expert]

    def select(self, only: tuple[str, ...]) -> list[Expert]:
        """The experts with a name in `only`; all of them when it is empty."""
        return [e for e in self.experts if not only or set(e.names) & set(only)]


TABULAR_VIEWS = {
    "after": View(linear=True, last=True, width=2.0, landmarks=150),
    "plain": View(linear=True, width=2.0, landmarks=150),
    "smooth": View(linear=True, last=True, width=0.5, landmarks=150),
    "linear": View(linear=True, last=True),
}


def tabular_experts() -> list[Expert]:
    """The pool for records of numbers, booleans and categories."""
    return [
        LeastSquares("kernel after", view="after", familiar=True),
        LeastSquares("kernel after .999", view="after", discount=0.999),
        LeastSquares("kernel .99", view="plain", discount=0.99),
        LeastSquares("kernel smooth .995", view="smooth", discount=0.995),
        OnlineSoftmax("softmax smooth", view="smooth"),
        OnlineSoftmax("softmax linear .999", view="linear", discount=0.999),
        GaussianClasses("gaussian", view="after", prior=5.0),
        Neighbours(),
        Habit(),
        SlowTrees("trees"),
    ]


DENSE_VIEWS = {
    "kernel": View(linear=False, width=1.6, landmarks=1024),
    "recent": View(linear=False, width=1.6, landmarks=256),
    "linear": View(linear=True),
}


def dense_experts() -> list[Expert]:
    """The pool for texts and vectors, alone or among other fields."""
    return [
        LeastSquares("kernel", view="kernel", familiar=True),
        LeastSquares("kernel .998", view="recent", discount=0.998),
        GaussianClasses("gaussian", view="linear", prior=1000.0, familiar=True),
        Neighbours(),
        Habit(),
        SlowSoftmax("logistic", view="kernel"),
    ]


def default_recipe(dense: bool) -> Recipe:
    """The default pool: for inputs with dense fields (text, vectors), or without."""
    if dense:
        return Recipe(DENSE_VIEWS, dense_experts())
    return Recipe(TABULAR_VIEWS, tabular_experts())


def check_names(only: tuple[str, ...]) -> None:
    """Raise a SettingError unless every name is an expert's."""
    known = [name for dense in (False, True) for e in default_recipe(dense).experts for name in e.names]
    for name in only:
        if name not in known:
            listed = ", ".join(dict.fromkeys(known))
            raise SettingError(f"experts names {name!r}, which is none of: {listed}")
