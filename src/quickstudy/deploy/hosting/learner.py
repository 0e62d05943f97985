"""A learner on duty: its settings, its risk control, and the worker that teaches its twins."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from quickstudy.api.settings import Settings
from quickstudy.deploy.core.failures import OutOfServiceError
from quickstudy.deploy.core.records import encode
from quickstudy.deploy.guardrails.autonomy import Autonomy
from quickstudy.deploy.hosting.quarantine import SetAside
from quickstudy.deploy.hosting.replicas import LeftRightReplicas
from quickstudy.deploy.hosting.trainer import Trainer
from quickstudy.deploy.hosting.updates import StoredVotes
from quickstudy.errors import LabelError
from quickstudy.learners.classifier.classifier import LABELS_PER_MB
from quickstudy.types import Label

MOST_VOTE_BYTES = 32 * 2**20  # of votes of predictions that wait for their label


class VoteCache:
    """What experts said of the latest predictions: late labels are scored by that, while it is
    here; the oldest leave first, and after a restart none are.
    """

    def __init__(self) -> None:
        self._said: OrderedDict[str, StoredVotes] = OrderedDict()
        self._bytes = 0

    def add(self, case_id: str, said: StoredVotes) -> None:
        """Keep what was said of a case."""
        self.drop(case_id)
        self._said[case_id] = said
        self._bytes += said.votes.nbytes
        while self._bytes > MOST_VOTE_BYTES:
            self._bytes -= self._said.popitem(last=False)[1].votes.nbytes

    def get(self, case_id: str) -> StoredVotes | None:
        """What was said of a case, if that is still here."""
        return self._said.get(case_id)

    def drop(self, case_id: str) -> None:
        """It was used, and is not needed any more."""
        found = self._said.pop(case_id, None)
        self._bytes -= found.votes.nbytes if found else 0


@dataclass(frozen=True, slots=True)
class VersionRoles:
    """Which version answers, which wants to, and which did before: ids, or ""."""

    champion: str
    challenger: str = ""
    previous: str = ""


@dataclass(frozen=True, slots=True)
class Committed:
    """What the last transaction left of a learner's risk control, settings and roles.

    It is never changed, so any thread may read it. `control` is the state of an `Autonomy`.
    """

    control: dict[str, Any]
    settings: Settings
    epoch: int
    roles: VersionRoles

    def autonomy(self) -> Autonomy:
        """The risk control of that moment, for the caller alone."""
        return Autonomy.from_state(self.control)


@dataclass
class OutOfService:
    """A classifier that cannot be made from the log: nothing is asked of it, and why."""

    number: int
    name: str
    settings: Settings
    created: float
    failed: OutOfServiceError


class HostedLearner:
    """One learner on duty.

    Only the writer's thread changes `control`, `settings`, `epoch`, `roles`, `votes` and `labels`,
    and only the trainer's changes `replicas`. Reports of other threads read `committed`, which the
    writer's thread replaces after each transaction. The learner is read through
    `replicas.reading()`.
    """

    def __init__(
        self,
        number: int,
        name: str,
        settings: Settings,
        *,
        epoch: int,
        control: Autonomy,
        roles: VersionRoles,
    ) -> None:
        self.number = number
        self.name = name
        self.settings = settings
        self.epoch = epoch
        self.control = control
        self.roles = roles
        self.committed = self._as_it_is()
        self.votes = VoteCache()
        self.labels: set[str] = set()
        self.created = 0.0
        self.trainer: Trainer | None = None
        self.saved = 0  # event up to which a snapshot holds everything
        self.refitting = False
        self.refit_event: int | None = None  # where the refit under way takes effect
        self.refit_not_before = 0.0  # not before, by the monotonic clock
        self.made_at = 0  # examples of the largest version that was made
        self.consolidating = False
        self.consolidate_not_before = 0.0  # not before, by the monotonic clock
        self.set_aside: list[SetAside] = []  # on the way back, and not on record yet

    def _as_it_is(self) -> Committed:
        return Committed(self.control.state(), self.settings, self.epoch, self.roles)

    def commit(self) -> None:
        """The transaction is on disk: what it left is what reports say from now on."""
        self.committed = self._as_it_is()

    def revert(self) -> None:
        """The transaction failed: all is as the last one left it."""
        self.control, self.settings = self.committed.autonomy(), self.committed.settings
        self.epoch, self.roles = self.committed.epoch, self.committed.roles

    @property
    def replicas(self) -> LeftRightReplicas:
        assert self.trainer is not None
        return self.trainer.replicas

    @property
    def learned(self) -> int:
        """The last event that was learned."""
        assert self.trainer is not None
        return self.trainer.seq

    @property
    def definition(self) -> int:
        """The definition of learning under which it was taught."""
        with self.replicas.reading() as learner:
            return learner.definition

    @property
    def most_labels(self) -> int:
        """Labels that the learner has room for."""
        return int(LABELS_PER_MB * self.settings.budget_mb)

    def has_label(self, label: Label) -> bool:
        """Whether a label was taught before."""
        return encode(label) in self.labels

    def add_labels(self, labels: Sequence[Label]) -> None:
        """Remember labels that were taught."""
        self.labels |= {encode(label) for label in labels}

    def check_label(self, label: Label, new: set[str]) -> None:
        """Whether the learner has room for a label; `new` gathers those that a command brings.

        Raises:
            LabelError: it is one too many.
        """
        if self.has_label(label):
            return
        new.add(encode(label))
        if len(self.labels) + len(new - self.labels) > self.most_labels:
            raise LabelError(
                f"label {label!r:.80} is one too many: budget_mb={self.settings.budget_mb:g} is "
                f"for {self.most_labels} labels"
            )
