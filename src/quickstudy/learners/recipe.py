"""Which experts a learner starts with, and the views of the input that they read."""

from __future__ import annotations

import math
from dataclasses import dataclass

from quickstudy.encode.featuremap import LAST_LABELS, View
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
KERNEL_SHARE, NEIGHBOURS_SHARE, EXEMPLAR_SHARE = 0.38, 0.06, 0.38
DENSE_FIXED_MB = 14.0  # what the moments of a text take, whatever the budget
TABULAR_GROWTH = ((2000, 1.25), (5000, 1.6), (math.inf, 2.0))
DENSE_GROWTH = ((2000, 1.15), (20_000, 1.25), (math.inf, 2.0))
TABULAR_SHARE, TABULAR_LANDMARKS, MIXED_COLUMNS = 0.5, 150, 64
LEAST_EXEMPLARS, MOST_EXEMPLARS = 200, 10_000


@dataclass(frozen=True)
class Recipe:
    """Experts, the views that they read by name, and when the feature map is chosen anew.

    `growth` lists (below this size, factor): after n examples the next choice is at n * factor.
    `columns` is how many scaled columns of numbers and categories they have the memory for.
    `record` is the view by which it is judged what the order of labels tells beyond the record;
    None where no expert is ever told.
    """

    views: dict[str, View]
    experts: list[Expert]
    growth: tuple[tuple[float, float], ...]
    columns: int
    record: str | None = None

    @property
    def names(self) -> set[str]:
        """Names of all experts."""
        return {name for e in self.experts for name in e.names}

    def select(self, only: tuple[str, ...]) -> list[Expert]:
        """The experts with a name in `only`; all of them where it names none of these."""
        return [e for e in self.experts if set(e.names) & set(only)] or self.experts


def tabular_recipe(budget_mb: float) -> Recipe:
    """The pool for records of numbers, booleans and categories."""
    width = (TABULAR_SHARE * budget_mb * MIB / 104.0) ** 0.5  # 13 matrices of float64
    columns = max(16, int(width) - TABULAR_LANDMARKS - LAST_LABELS)
    views = {
        "after": View(linear=True, last=True, width=2.0, landmarks=TABULAR_LANDMARKS),
        "plain": View(linear=True, width=2.0, landmarks=TABULAR_LANDMARKS),
        "smooth": View(linear=True, last=True, width=0.5, landmarks=TABULAR_LANDMARKS),
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
    return Recipe(views, experts, TABULAR_GROWTH, columns, record="plain")


def dense_recipe(budget_mb: float, *, mixed: bool) -> Recipe:
    """The pool for texts and vectors, alone or (`mixed`) among other fields.

    Nothing that forgets, no habit, no windows: where labels come in bursts, as those of texts do,
    these earn weight by saying that labels of long ago will not come again, until they do.
    """
    budget_mb -= DENSE_FIXED_MB
    landmarks = int(min(MOST_LANDMARKS, (KERNEL_SHARE * budget_mb * MIB / 20.0) ** 0.5))
    views = {
        "kernel": View(linear=False, width=1.6, landmarks=landmarks),
        "linear": View(linear=True),
    }
    experts: list[Expert] = [
        LeastSquares("kernel", view="kernel", familiar=True),
        GaussianClasses("gaussian", view="linear", prior=1000.0, familiar=True),
        SlowSoftmax("logistic", view="kernel"),
    ]
    if mixed:
        experts.append(SlowTrees("trees"))
    return Recipe(views, experts, DENSE_GROWTH, MIXED_COLUMNS)


def default_recipe(kind: str, budget_mb: float) -> Recipe:
    """The default pool for a kind of input: tabular, dense or mixed."""
    if kind == "tabular":
        return tabular_recipe(budget_mb)
    return dense_recipe(budget_mb, mixed=kind == "mixed")


def capacity(row_bytes: int, kind: str, budget_mb: float) -> int:
    """How many examples of a size are remembered within the budget: 200 to 10,000."""
    budget_mb -= 0.0 if kind == "tabular" else DENSE_FIXED_MB
    fits = int(EXEMPLAR_SHARE * budget_mb * MIB / max(row_bytes, 1))
    return max(LEAST_EXEMPLARS, min(MOST_EXEMPLARS, fits))


def check_names(only: tuple[str, ...]) -> None:
    """Raise a SettingError unless every name is an expert's."""
    known = sorted(tabular_recipe(64.0).names | dense_recipe(64.0, mixed=True).names)
    for name in only:
        if name not in known:
            raise SettingError(f"experts names {name!r}, which is none of: {', '.join(known)}")
