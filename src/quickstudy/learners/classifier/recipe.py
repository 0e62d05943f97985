"""Recipes: the default experts for each modality of inputs, and the views that they read."""

from __future__ import annotations

import math
from dataclasses import dataclass

from quickstudy.encode.featuremap import LAST_LABELS, View
from quickstudy.encode.room import WHOLE_TEXT
from quickstudy.errors import SettingError
from quickstudy.experts.base import Expert
from quickstudy.experts.counts import ValueCounts
from quickstudy.experts.gaussian import GaussianClasses
from quickstudy.experts.kernel import LeastSquares
from quickstudy.experts.label_frequency import LabelFrequency
from quickstudy.experts.neighbours import Neighbours
from quickstudy.experts.refitted import SlowSoftmax, SlowTrees
from quickstudy.experts.softmax import OnlineSoftmax

MIB = 1 << 20
MOST_LANDMARKS, LEAST_LANDMARKS = 1024, 32  # of the dense kernel
# shares of the memory budget: experts, remembered examples; small arrays take the rest
DENSE_SHARE, TABULAR_SHARE, NEIGHBOURS_SHARE, EXEMPLAR_SHARE = 0.65, 0.53, 0.06, 0.3
COUNTS_SHARE = 0.06
SCATTER_SHARE = 0.17  # of the budget for the two matrices of the Gaussian of texts and vectors
WORKING = 2.0  # budgets that remembered examples may take while they are relearned
ROOM_FOR_LABELS = 64  # labels planned for, at least; otherwise 1.5 times the known ones
TABULAR_GROWTH = ((2000, 1.25), (5000, 1.6), (math.inf, 2.0))
DENSE_GROWTH = ((2000, 1.15), (20_000, 1.25), (math.inf, 2.0))
TABULAR_LANDMARKS, MIXED_COLUMNS = 150, 64
LEAST_EXEMPLARS, MOST_EXEMPLARS = 200, 10_000
FACT_BYTES, TEXT_BYTES = 24, 350  # of a remembered example: its facts; its text


@dataclass(frozen=True)
class Recipe:
    """Experts, the views that they read by name, and the schedule of feature maps.

    `growth` lists (below this size, factor): after n examples the next choice is at n * factor.
    The memory is planned for `columns` scaled columns of numbers and categories and for `labels`
    labels; each further label takes `label_bytes`. The features of a remembered example take
    `row_bytes` while it is relearned. `record` names the view used to test whether the order of
    labels is informative beyond the record; None where no expert reads the last label.
    """

    views: dict[str, View]
    experts: list[Expert]
    growth: tuple[tuple[float, float], ...]
    columns: int
    labels: int
    label_bytes: int
    row_bytes: int
    record: str | None = None

    @property
    def names(self) -> set[str]:
        """Names of all experts."""
        return {name for e in self.experts for name in e.names}

    def select(self, only: tuple[str, ...]) -> list[Expert]:
        """The experts with a name in `only`; all experts if there are none."""
        return [e for e in self.experts if set(e.names) & set(only)] or self.experts


def planned_labels(labels: int) -> int:
    """Number of labels that the memory is planned for when `labels` are known."""
    return max(ROOM_FOR_LABELS, labels + labels // 2)


def _largest(square: float, linear: float, most: float) -> int:
    """The largest whole x >= 0 with `square x^2 + linear x <= most`."""
    return int(max(0.0, math.sqrt(linear**2 + 4.0 * square * max(most, 0.0)) - linear) / 2 / square)


def tabular_recipe(budget_mb: float, labels: int = 0) -> Recipe:
    """The pool for records of numbers, booleans and categories."""
    planned = planned_labels(labels)
    label_bytes = 96  # a feature: of four least squares, two softmax regressions and the Gaussian
    # 13 matrices and the rows that wait in four buffers; one buffer, landmarks, labels
    linear = 8 * 256 + 24 * TABULAR_LANDMARKS + label_bytes * planned
    width = _largest(13 * 8 + 4 * 8, linear, TABULAR_SHARE * budget_mb * MIB)
    columns = max(16, width - TABULAR_LANDMARKS - LAST_LABELS - 1)
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
        LabelFrequency(),
        SlowTrees("trees"),
        ValueCounts(most_bytes=int(COUNTS_SHARE * budget_mb * MIB)),
    ]
    wide = label_bytes * width
    return Recipe(
        views, experts, TABULAR_GROWTH, columns, planned, wide, 8 * 4 * width, record="plain"
    )


def dense_recipe(
    budget_mb: float, *, mixed: bool, dense: int = WHOLE_TEXT, labels: int = 0
) -> Recipe:
    """The pool for texts and vectors of `dense` columns, alone or (`mixed`) among other fields.

    It has no experts that forget (discounts, label frequencies, windows): where labels come in
    bursts, as for texts, these gain weight by excluding labels of the past, until one comes again.
    """
    budget, planned = budget_mb * MIB, planned_labels(labels)
    width = dense + (MIXED_COLUMNS if mixed else 0) + 1
    most = _largest(16, 0, SCATTER_SHARE * budget)
    scatter = min(width, most)
    fixed = 16 * scatter**2 + 8 * 256 * scatter + planned * (16 * scatter + 8 * width)
    left = DENSE_SHARE * budget - fixed  # for gram, inverse, whitening, waiting rows; then centres
    landmarks = _largest(32, 8 * width + 16 * planned, left)
    landmarks = min(max(landmarks, LEAST_LANDMARKS), MOST_LANDMARKS)
    views = {
        "kernel": View(linear=False, width=1.6, landmarks=landmarks),
        "linear": View(linear=True, most=most - 1),
    }
    label_bytes = 16 * scatter + 8 * width + 16 * landmarks
    row_bytes = 8 * (width + scatter + landmarks)
    experts: list[Expert] = [
        LeastSquares("kernel", view="kernel", familiar=True),
        GaussianClasses("gaussian", view="linear", prior=1000.0, familiar=True),
        SlowSoftmax("logistic", view="kernel"),
    ]
    if mixed:
        experts.append(SlowTrees("trees"))
    return Recipe(views, experts, DENSE_GROWTH, MIXED_COLUMNS, planned, label_bytes, row_bytes)


def default_recipe(
    modality: str, budget_mb: float, *, dense: int = WHOLE_TEXT, labels: int = 0
) -> Recipe:
    """The default pool for a modality (tabular, dense or mixed), dense width and labels."""
    if modality == "tabular":
        return tabular_recipe(budget_mb, labels)
    return dense_recipe(budget_mb, mixed=modality == "mixed", dense=dense, labels=labels)


def capacity(raw_bytes: int, recipe: Recipe, budget_mb: float, *, labels: int = 0) -> int:
    """Number of examples that are remembered within the budget: 200 to 10,000.

    `raw_bytes` are the bytes of one example's columns; labels beyond the planned ones reduce it.
    """
    budget = budget_mb * MIB
    room = EXEMPLAR_SHARE * budget - max(0, labels - recipe.labels) * recipe.label_bytes
    fits = min(
        room / (raw_bytes + FACT_BYTES + TEXT_BYTES),
        WORKING * budget / (recipe.row_bytes + raw_bytes),
    )
    return max(LEAST_EXEMPLARS, min(MOST_EXEMPLARS, int(fits)))


def check_names(only: tuple[str, ...]) -> None:
    """Raise a SettingError if a name is not the name of an expert."""
    known = sorted(tabular_recipe(64.0).names | dense_recipe(64.0, mixed=True).names)
    for name in only:
        if name not in known:
            raise SettingError(f"experts names {name!r}, which is none of: {', '.join(known)}")
