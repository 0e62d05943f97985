"""A learner on duty: its settings, its risk control, its twins and the worker that teaches them."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from quickstudy.deploy.answers import Settings
from quickstudy.deploy.lessons import Lesson, Said, teach
from quickstudy.deploy.records import written
from quickstudy.deploy.twins import Twins
from quickstudy.errors import StoreError
from quickstudy.learners.classifier import LABELS_PER_MB, Classifier
from quickstudy.log.failpoints import reach
from quickstudy.stats.risk import ActOrAsk
from quickstudy.types import Label

RECENT_BYTES = 32 * 2**20  # of votes of predictions that wait for their label
LESSONS_AT_ONCE = 64  # before the twins change places: some 20 ms
REST_SECONDS = 0.04  # between rounds of lessons
log = logging.getLogger("quickstudy")


class Recent:
    """What experts said of the latest predictions: late labels are scored by that, while it is
    here; the oldest leave first, and after a restart none are.
    """

    def __init__(self) -> None:
        self._said: OrderedDict[str, Said] = OrderedDict()
        self._bytes = 0

    def add(self, case_id: str, said: Said) -> None:
        """Keep what was said of a case."""
        self.drop(case_id)
        self._said[case_id] = said
        self._bytes += said.votes.nbytes
        while self._bytes > RECENT_BYTES:
            self._bytes -= self._said.popitem(last=False)[1].votes.nbytes

    def get(self, case_id: str) -> Said | None:
        """What was said of a case, if that is still here."""
        return self._said.get(case_id)

    def drop(self, case_id: str) -> None:
        """It was used, and is not needed any more."""
        found = self._said.pop(case_id, None)
        self._bytes -= found.votes.nbytes if found else 0


class Duty:
    """One learner on duty.

    `control`, `settings`, `epoch`, `recent` and `known` belong to the writer's thread; `twins` to
    the worker's; everybody may read through `twins.reading()`.
    """

    def __init__(
        self, number: int, name: str, settings: Settings, *, epoch: int, control: ActOrAsk
    ) -> None:
        self.number = number
        self.name = name
        self.settings = settings
        self.epoch = epoch
        self.control = control
        self.recent = Recent()
        self.known: set[str] = set()
        self.created = 0.0
        self.worker: Worker | None = None
        self.saved = 0  # event up to which a snapshot holds everything
        self.refitting = False
        self.refit_event: int | None = None  # where the refit under way takes effect
        self.refit_again = 0.0  # not before, by the monotonic clock

    @property
    def twins(self) -> Twins:
        assert self.worker is not None
        return self.worker.twins

    @property
    def learned(self) -> int:
        """The last event that was learned."""
        assert self.worker is not None
        return self.worker.seq

    @property
    def most_labels(self) -> int:
        """Labels that the learner has room for."""
        return int(LABELS_PER_MB * self.settings.budget_mb)

    def knows(self, label: Label) -> bool:
        """Whether a label was taught before."""
        return written(label) in self.known

    def meet(self, labels: Sequence[Label]) -> None:
        """Remember labels that were taught."""
        self.known |= {written(label) for label in labels}


class Worker:
    """Teaches the twins of one learner, in the order of the log, in a thread of its own.

    Args:
        learned: called in the thread after each round of lessons.
    """

    def __init__(
        self, learner: Classifier, *, seq: int, name: str, learned: Callable[[Worker], None]
    ) -> None:
        self.twins = Twins(learner)
        self.seq = seq  # of the last lesson learned
        self.failed: Exception | None = None
        self._learned = learned
        self._lessons: deque[Lesson] = deque()
        self._waiting: deque[tuple[int, Future[None]]] = deque()
        self._errands: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._given = seq
        self._change = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"learner-{name}", daemon=True)
        self._thread.start()

    def give(self, lessons: Sequence[Lesson]) -> None:
        """Queue lessons, in the order of the log."""
        with self._change:
            self._lessons.extend(lessons)
            self._given = lessons[-1].seq
            self._change.notify_all()

    @property
    def lag(self) -> int:
        """Lessons that wait."""
        return len(self._lessons)

    def after(self, seq: int) -> Future[None]:
        """Done once everything up to event `seq` is learned.

        Raises, through the future, what stopped the worker if something did.
        """
        future: Future[None] = Future()
        with self._change:
            if self.failed:
                future.set_exception(self.failed)
            elif self.seq >= min(seq, self._given) and not self._lessons:
                future.set_result(None)
            else:
                self._waiting.append((seq, future))
                self._change.notify_all()
        return future

    def errand(self, act: Callable[[], Any]) -> Future[Any]:
        """Have something done in the worker's thread, between lessons."""
        future: Future[Any] = Future()
        with self._change:
            if self._closed or self.failed:
                future.set_exception(self.failed or StoreError("the learner is off duty"))
            else:
                self._errands.append((act, future))
                self._change.notify_all()
        return future

    def learned_up_to(self, seq: int) -> int:
        """The last event up to `seq` by which everything is learned; in the worker's thread."""
        with self._change:
            behind = self._lessons and self._lessons[0].seq <= seq
            return self.seq if behind else max(self.seq, seq)

    def _run(self) -> None:
        while (lessons := self._next()) is not None:
            try:
                if lessons:
                    self._teach(lessons)
                    self._learned(self)
                self._run_errands()
                self._rest()
            except Exception as error:  # what was not foreseen: answers go on, learning stops
                log.exception("learning has stopped")
                self._fail(error)
                return

    def _run_errands(self) -> None:
        while self._errands:
            act, future = self._errands.popleft()
            try:
                future.set_result(act())
            except Exception as error:  # it is for whoever sent the errand
                future.set_exception(error)

    def _rest(self) -> None:
        """Let lessons gather, unless somebody waits: together they are learned faster."""
        with self._change:
            self._change.wait_for(self._wanted, REST_SECONDS)

    def _wanted(self) -> bool:
        several = len(self._lessons) >= LESSONS_AT_ONCE
        return several or self._closed or bool(self._waiting or self._errands)

    def _next(self) -> list[Lesson] | None:
        """Lessons to be taught together, perhaps none but errands; None at the end."""
        with self._change:
            while not self._lessons and not self._errands and not self._closed:
                self._change.wait()
            if not self._lessons and not self._errands:
                return None
            return [self._lessons[i] for i in range(min(len(self._lessons), LESSONS_AT_ONCE))]

    def _teach(self, lessons: list[Lesson]) -> None:
        def act(learner: Classifier) -> None:
            half = len(lessons) // 2
            teach(learner, lessons[:half])
            reach("mid-learn")
            teach(learner, lessons[half:])

        self.twins.change(act)
        with self._change:
            for _ in lessons:
                self._lessons.popleft()
            self.seq = lessons[-1].seq
            ready = []
            while self._waiting and (self._waiting[0][0] <= self.seq or not self._lessons):
                ready.append(self._waiting.popleft()[1])
        for future in ready:
            future.set_result(None)

    def _fail(self, error: Exception) -> None:
        with self._change:
            self.failed = error
            waiting = [future for _, future in [*self._waiting, *self._errands]]
            self._waiting.clear()
            self._errands.clear()
        for future in waiting:
            future.set_exception(error)

    def close(self) -> None:
        """Learn what was given, and end."""
        with self._change:
            self._closed = True
            self._change.notify_all()
        self._thread.join()
