"""Updates: what a learner learns from an event, live and in every replay."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstudy.deploy.core.failures import MOST_IN_A_ROW, LearningError, reason_of
from quickstudy.deploy.hosting.replicas import LeftRightReplicas, LostReplicaError
from quickstudy.deploy.kind import KINDS
from quickstudy.errors import InputError
from quickstudy.learners.classifier.refits import Fitted
from quickstudy.learners.decider import Decider
from quickstudy.log.events import OWN, Logged
from quickstudy.log.failpoints import failpoint
from quickstudy.types import Label, Prediction, Probabilities

LABELS = ("feedback", "ruled")  # events with a label
Votes = NDArray[np.float16]
LEAST = -60_000.0  # lowest log probability that is stored in half precision


@dataclass(frozen=True, slots=True)
class Update:
    """One update: a label of a record, a label that is wrong, or refitted experts.

    `own` applies an event that only this kind of learner has. With a `switch` (the payload of its
    event) another learner takes over.
    """

    seq: int
    record: Any = None
    label: Label | None = None
    wrong: bool = False
    said: Prediction | None = None
    fitted: Fitted | None = None
    switch: dict[str, Any] | None = None
    own: Callable[[Decider], None] | None = None


@dataclass(frozen=True, slots=True)
class StoredVotes:
    """Votes of experts and members, (voices, labels); half precision is enough to score them."""

    votes: Votes
    last_label: int

    @classmethod
    def of(cls, prediction: Prediction) -> StoredVotes:
        """The part of a prediction that is stored until its label comes."""
        votes = np.maximum(prediction.votes, LEAST).astype(np.float16)
        return cls(votes, prediction.last_label)

    def encoded(self) -> dict[str, Any]:
        """The votes as the log holds them."""
        text = base64.b64encode(self.votes.tobytes()).decode()
        return {"votes": text, "voices": len(self.votes), "last": self.last_label}


def read_votes(written: Mapping[str, Any]) -> Prediction:
    """The part of a prediction that learning needs; inverse of `StoredVotes.encoded`."""
    flat = np.frombuffer(base64.b64decode(written["votes"]), np.float16).astype(float)
    return Prediction(
        label=None,
        confidence=0.0,
        novelty=0.0,
        probabilities=Probabilities((), np.zeros(0)),
        votes=flat.reshape(written["voices"], -1),
        last_label=written["last"],
    )


def update_of(seq: int, payload: Mapping[str, Any], record: Any) -> Update | None:
    """The update of a `feedback` or `ruled` event about a record, or None."""
    if payload["learn"] is None:
        return None
    said = read_votes(payload["said"]) if payload.get("said") else None
    wrong = payload["learn"] == "not"
    return Update(seq, record, payload["label"], wrong=wrong, said=said)


def own_update(event: Logged) -> Update | None:
    """What an event teaches that only one kind of learner has; None for all other events."""
    name, own, _ = event.type.partition(OWN)
    if not own:
        return None
    apply, payload = KINDS.named(name).apply, event.read()
    return Update(event.seq, own=lambda learner: apply(learner, event.type, payload))


def teach(learner: Decider, updates: Sequence[Update]) -> None:
    """Apply updates in order; an update that the learner refuses changes nothing."""
    run: list[Update] = []
    for update in updates:
        if update.fitted is None and update.own is None and not update.wrong:
            run.append(update)
            continue
        _teach_labels(learner, run)
        run = []
        if update.fitted is not None:
            learner.install(update.fitted)
        elif update.own is not None:
            update.own(learner)
        elif update.label is not None:
            with suppress(InputError):
                learner.learn_not(update.record, update.label, as_is=True)
    _teach_labels(learner, run)


def apply_to_both(
    replicas: LeftRightReplicas, updates: Sequence[Update]
) -> list[tuple[Update, Exception]]:
    """Apply updates in order to both replicas; returns the updates that raised, with their errors.

    The replicas end as if the failed updates had never been applied.

    Raises:
        LostReplicaError: there is no memory for two learners.
    """
    together = _failure(replicas, updates)
    if together is None:
        return []
    if len(updates) == 1:
        return [(updates[0], together)]
    one_by_one = [(update, _failure(replicas, [update])) for update in updates]
    return [(update, error) for update, error in one_by_one if error]


def apply_without_failures(
    replicas: LeftRightReplicas, updates: Sequence[Update]
) -> list[tuple[Update, Exception]]:
    """As `apply_to_both`, while a learner is rebuilt from the log.

    Raises:
        LearningError: so many updates in a row raise that they are unlikely to be the cause.
    """
    failed = []
    for at in range(0, len(updates), MOST_IN_A_ROW):
        part = updates[at : at + MOST_IN_A_ROW]
        failed += (failed_now := apply_to_both(replicas, part))
        if len(failed_now) == MOST_IN_A_ROW:
            raise LearningError(
                f"learning all of events {part[0].seq} to {part[-1].seq} raises "
                f"{reason_of(failed_now[-1][1])}"
            ) from failed_now[-1][1]
    return failed


def _failure(replicas: LeftRightReplicas, updates: Sequence[Update]) -> Exception | None:
    """Apply updates to both replicas; if that raises, both are as before, and it is returned."""
    half = len(updates) // 2

    def act(learner: Decider) -> None:
        teach(learner, updates[:half])
        failpoint("mid-learn")
        teach(learner, updates[half:])

    try:
        replicas.change(act)
    except LostReplicaError:
        raise
    except Exception as error:
        return error.with_traceback(None)  # its frames hold the data that did not fit in memory
    return None


def _teach_labels(learner: Decider, run: Sequence[Update]) -> None:
    """Learn labels of records: together, which is faster, or one by one if any is refused."""
    if not run:
        return
    try:
        _learn(learner, run)
    except InputError:
        for update in run if len(run) > 1 else ():
            _teach_labels(learner, [update])


def _learn(learner: Decider, run: Sequence[Update]) -> None:
    """Learn records as the log holds them: they were made plain before they were logged."""
    labels = [update.label for update in run if update.label is not None]
    records = [update.record for update in run]
    said = [update.said for update in run]
    learner.learn_many(records, labels, predictions=said, as_is=True)
