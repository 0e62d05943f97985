"""`Decider`: what a deployment asks of a learner that answers records with labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from quickstudy.errors import NotReadyError
from quickstudy.learners.base import Saved
from quickstudy.types import Explanation, Input, Label, Prediction


class Decider(Saved):
    """Base class of learners that can be hosted with the protocol *decisions*.

    A subclass defines `labels`, `examples`, `predict_many`, `learn_many` and `check`, and the parts
    of `Saved`. Everything else has a default for learners that have no experts to refit and no
    feature map to choose. The same calls must lead to the same bits.
    """

    @property
    def labels(self) -> tuple[Label, ...]:
        """Labels in order of first appearance."""
        raise NotImplementedError

    @property
    def examples(self) -> int:
        """Number of examples learned."""
        raise NotImplementedError

    def predict_many(self, xs: Any, *, as_is: bool = False) -> Sequence[Prediction]:
        """Predictions for a list of records; `as_is`: they are plain values."""
        raise NotImplementedError

    def learn_many(
        self,
        xs: Any,
        ys: Any,
        *,
        predictions: Sequence[Prediction | None] | None = None,
        as_is: bool = False,
    ) -> None:
        """Learn examples in order.

        Raises:
            InputError: an example cannot be learned; nothing was learned.
        """
        raise NotImplementedError

    def check(self, x: Input) -> None:
        """Check that x could be learned.

        Raises:
            RecordError: it could not.
        """
        raise NotImplementedError

    def learn_not(self, x: Input, y: Label, *, as_is: bool = False) -> None:
        """Learn that `y` is not the label of x; by default nothing is learned.

        Raises:
            InputError: it cannot be learned.
        """

    def explain(self, x: Input) -> Explanation:
        """Explain an answer.

        Raises:
            NotReadyError: this learner does not explain its answers.
        """
        raise NotReadyError(f"a {self._noun} has no explanation for its answers")

    @property
    def size_bytes(self) -> int:
        """Bytes of all arrays of the state."""
        return sum(array.nbytes for array in self.state()[0].values())

    @property
    def experts(self) -> tuple[tuple[str, float], ...]:
        """Experts with their weights."""
        return ()

    @property
    def maps(self) -> int:
        """Number of times the feature map was chosen; then a copy is made faster than a choice."""
        return 0

    @property
    def map_due(self) -> bool:
        """Whether a new version with another feature map is worth making."""
        return False

    @property
    def refit_due(self) -> bool:
        """Whether experts are to be refitted in the background."""
        return False

    def defer_refits(self) -> None:
        """Leave refits to `fit_due` and `install`."""

    def freeze_map(self, examples: int) -> None:
        """Choose the feature map only in `consolidate`, from that number of examples on."""

    def fit_due(self) -> Any:
        """Refit what is due, for `install`."""
        raise NotImplementedError

    def install(self, fitted: Any) -> None:
        """Take over what an earlier copy of this learner has refitted."""
        raise NotImplementedError

    def consolidate(self) -> None:
        """Become what the next version of this learner is."""
        raise NotImplementedError
