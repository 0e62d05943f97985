"""A hosted learner: its settings, its risk control, and the trainer of its replicas."""

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

MOST_VOTE_BYTES = 32 * 2**20  # votes of predictions that wait for their label


class VoteCache:
    """Cache of the experts' votes at the latest predictions, by which later labels are scored; the
    oldest votes are evicted first, and a restart empties the cache.
    """

    def __init__(self) -> None:
        self._said: OrderedDict[str, StoredVotes] = OrderedDict()
        self._bytes = 0

    def add(self, case_id: str, said: StoredVotes) -> None:
        """Store the votes of a case."""
        self.drop(case_id)
        self._said[case_id] = said
        self._bytes += said.votes.nbytes
        while self._bytes > MOST_VOTE_BYTES:
            self._bytes -= self._said.popitem(last=False)[1].votes.nbytes

    def get(self, case_id: str) -> StoredVotes | None:
        """The votes of a case; None if they are not cached."""
        return self._said.get(case_id)

    def drop(self, case_id: str) -> None:
        """Remove the votes of a case."""
        found = self._said.pop(case_id, None)
        self._bytes -= found.votes.nbytes if found else 0


@dataclass(frozen=True, slots=True)
class VersionRoles:
    """Champion, challenger and previous version: ids, or ""."""

    champion: str
    challenger: str = ""
    previous: str = ""


@dataclass(frozen=True, slots=True)
class Committed:
    """A learner's risk control, settings and roles after the last transaction.

    Immutable, so any thread may read it. `control` is the state of an `Autonomy`.
    """

    control: dict[str, Any]
    settings: Settings
    epoch: int
    roles: VersionRoles

    def autonomy(self) -> Autonomy:
        """A new copy of the risk control after that transaction."""
        return Autonomy.from_state(self.control)


@dataclass
class OutOfService:
    """A learner that cannot be rebuilt from the log, with the reason."""

    number: int
    name: str
    settings: Settings
    created: float
    failed: OutOfServiceError


class HostedLearner:
    """One hosted learner.

    Only the writer's thread changes `control`, `settings`, `epoch`, `roles`, `votes` and `labels`;
    only the trainer's thread changes `replicas`. Reports read `committed`, which the writer's
    thread replaces after each transaction. The learner is read through `replicas.reading()`.
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
        self.saved = 0  # event up to which a snapshot is complete
        self.refitting = False
        self.refit_event: int | None = None  # event at which the refit under way takes effect
        self.refit_not_before = 0.0  # by the monotonic clock
        self.made_at = 0  # examples of the largest version
        self.consolidating = False
        self.consolidate_not_before = 0.0  # by the monotonic clock
        self.set_aside: list[SetAside] = []  # in recovery, and not logged yet

    def _as_it_is(self) -> Committed:
        return Committed(self.control.state(), self.settings, self.epoch, self.roles)

    def commit(self) -> None:
        """The transaction is on disk: reports read its state from now on."""
        self.committed = self._as_it_is()

    def revert(self) -> None:
        """The transaction failed: restore the state after the last one."""
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
        """The definition of learning that made the present state."""
        with self.replicas.reading() as learner:
            return learner.definition

    @property
    def most_labels(self) -> int:
        """Number of labels that the learner has room for."""
        return int(LABELS_PER_MB * self.settings.budget_mb)

    def has_label(self, label: Label) -> bool:
        """Whether a label was taught before or is being taught."""
        return encode(label) in self.labels

    def add_labels(self, labels: Sequence[Label]) -> None:
        """Add labels that were taught."""
        self.labels |= {encode(label) for label in labels}

    def check_label(self, label: Label, new: set[str]) -> None:
        """Check that the learner has room for a label; `new` collects new labels of the command.

        Raises:
            LabelError: there are too many labels.
        """
        if self.has_label(label):
            return
        new.add(encode(label))
        if len(self.labels) + len(new - self.labels) > self.most_labels:
            raise LabelError(
                f"label {label!r:.80} is one too many: budget_mb={self.settings.budget_mb:g} is "
                f"for {self.most_labels} labels"
            )
