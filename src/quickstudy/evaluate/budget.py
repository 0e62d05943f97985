"""The memory budget that the labels of a file need, computed before anything is learned."""

from __future__ import annotations

import math
from collections.abc import Iterable

from quickstudy.errors import LabelError, SettingError
from quickstudy.learners.classifier.classifier import LABELS_PER_MB, Classifier
from quickstudy.types import Label, label_key

USUAL_MB = 64
MOST_MB = 512  # largest automatic budget: more labels are seldom intended
GROWTH = 1.25  # times the labels of the file fit into an automatic budget


def budget_for(labels: Iterable[Label], asked: float | None = None) -> tuple[float, str]:
    """The budget in MiB for a new learner, and a note if it is not the usual one.

    Raises:
        SettingError: `asked` is too small for the labels, or the labels need more than the largest
            automatic budget.

    >>> budget_for(range(3)), budget_for(range(600))[0]
    ((64, ''), 94)
    """
    count = len({label_key(label) for label in labels})
    needed = math.ceil(count / LABELS_PER_MB)
    if asked is not None:
        if asked < needed:
            raise SettingError(
                f"the file has {count:,} labels, and a budget of {asked:g} MiB is for "
                f"{int(asked * LABELS_PER_MB):,}: --budget-mb {needed} or more"
            )
        return asked, ""
    if needed <= USUAL_MB:
        return USUAL_MB, ""
    chosen = math.ceil(count * GROWTH / LABELS_PER_MB)
    if chosen > MOST_MB:
        raise SettingError(
            f"the file has {count:,} labels: is it the right column? If so, --budget-mb {needed} "
            "or more"
        )
    note = f"{count:,} labels need more than {USUAL_MB} MiB: the budget is {chosen} (--budget-mb)"
    return chosen, note


def check_room(learner: Classifier, labels: Iterable[Label], asked: float | None = None) -> None:
    """Refuse labels that a learner has no room for, before anything is learned.

    Raises:
        SettingError: `asked` differs from the budget that the learner was created with.
        LabelError: there are more labels than fit into its budget.
    """
    budget = learner.budget_mb
    if asked is not None and asked != budget:
        raise SettingError(
            f"the model was made with budget_mb={budget:g} and keeps it; leave --budget-mb out, "
            "or learn all files into a new model"
        )
    count = len({label_key(label) for label in (*learner.labels, *labels)})
    if count > int(LABELS_PER_MB * budget):
        raise LabelError(
            f"with the file's labels there are {count:,}, and the model's budget_mb={budget:g} is "
            f"for {int(LABELS_PER_MB * budget):,}: learn all files into a new model with "
            f"--budget-mb {math.ceil(count / LABELS_PER_MB)} or more"
        )
