"""Which experts a learner starts with, and the views of the input that they read."""

from __future__ import annotations

from dataclasses import dataclass

from quickstudy.encode.featuremap import View
from quickstudy.errors import SettingError
from quickstudy.memory.expert import Expert
from quickstudy.memory.gaussian import GaussianClasses
from quickstudy.memory.habit import Habit
from quickstudy.memory.kernel import LeastSquares
from quickstudy.memory.neighbours import Neighbours
from quickstudy.memory.slow import SlowSoftmax, SlowTrees
from quickstudy.memory.softmax import OnlineSoftmax

MIB = 1 << 20
MOST_LANDMARKS = 1024  # of the dense kernel: beyond, slow experts are as good and cheaper
# shares of the memory budget; the rest is for what is small
KERNEL_SHARE, NEIGHBOURS_SHARE, EXEMPLAR_SHARE = 0.35, 0.06, 0.42
DENSE_FIXED_MB = 10.0  # what the moments of a text take, whatever the budget
LEAST_EXEMPLARS, MOST_EXEMPLARS = 200, 10_000


@dataclass(frozen=True)
class Recipe:
    """Experts, and the views that they read by name."""

    views: dict[str, View]
    experts: list[Expert]

    @property
    def names(self) -> set[str]:
        """Names of all experts."""
        return {name for e in self.experts for name in e.names}

    def select(self, only: tuple[str, ...]) -> list[Expert]:
        """The experts with a name in `only`; all of them where it names none of these."""
        return [e for e in self.experts if set(e.names) & set(only)] or self.experts


def tabular_recipe(budget_mb: float) -> Recipe:
    """The pool for records of numbers, booleans and categories."""
    views = {
        "after": View(linear=True, last=True, width=2.0, landmarks=150),
        "plain": View(linear=True, width=2.0, landmarks=150),
        "smooth": View(linear=True, last=True, width=0.5, landmarks=150),
        "linear": View(linear=True, last=True),
    }
    experts: list[Expert] = [
        LeastSquares("kernel after", view="after", familiar=True),
        LeastSquares("kernel after .999", view="after", discount=0.999),
        LeastSquares("kernel .99", view="plain", discount=0.99),
        LeastSquares("kernel smooth .995", view="smooth", discount=0.995),
        OnlineSoftmax("softmax smooth", view="smooth"),
        OnlineSoftmax("softmax linear .999", view="linear", discount=0.999),
        GaussianClasses("gaussian", view="after", prior=5.0),
        Neighbours(most_bytes=int(NEIGHBOURS_SHARE * budget_mb * MIB)),
        Habit(),
        SlowTrees("trees"),
    ]
    return Recipe(views, experts)


def dense_recipe(budget_mb: float) -> Recipe:
    """The pool for texts and vectors, alone or among other fields."""
    budget_mb -= DENSE_FIXED_MB
    landmarks = int(min(MOST_LANDMARKS, (KERNEL_SHARE * budget_mb * MIB / 20.0) ** 0.5))
    views = {
        "kernel": View(linear=False, width=1.6, landmarks=landmarks),
        "recent": View(linear=False, width=1.6, landmarks=min(256, landmarks)),
        "linear": View(linear=True),
    }
    experts: list[Expert] = [
        LeastSquares("kernel", view="kernel", familiar=True),
        LeastSquares("kernel .998", view="recent", discount=0.998),
        GaussianClasses("gaussian", view="linear", prior=1000.0, familiar=True),
        Neighbours(most_bytes=int(NEIGHBOURS_SHARE * budget_mb * MIB)),
        Habit(),
        SlowSoftmax("logistic", view="kernel"),
    ]
    return Recipe(views, experts)


def default_recipe(dense: bool, budget_mb: float) -> Recipe:
    """The default pool: for inputs with dense fields (text, vectors), or without."""
    return dense_recipe(budget_mb) if dense else tabular_recipe(budget_mb)


def capacity(row_bytes: int, dense: bool, budget_mb: float) -> int:
    """How many examples of a size are remembered within the budget: 200 to 10,000."""
    budget_mb -= DENSE_FIXED_MB if dense else 0.0
    fits = int(EXEMPLAR_SHARE * budget_mb * MIB / max(row_bytes, 1))
    return max(LEAST_EXEMPLARS, min(MOST_EXEMPLARS, fits))


def check_names(only: tuple[str, ...]) -> None:
    """Raise a SettingError unless every name is an expert's."""
    known = sorted(default_recipe(False, 64.0).names | default_recipe(True, 64.0).names)
    for name in only:
        if name not in known:
            raise SettingError(f"experts names {name!r}, which is none of: {', '.join(known)}")
