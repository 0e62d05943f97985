"""`Trainer`: updates the replicas of one learner in log order."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from itertools import islice
from typing import Any

from quickstudy.deploy.hosting.quarantine import SetAside
from quickstudy.deploy.hosting.replicas import LeftRightReplicas
from quickstudy.deploy.hosting.updates import Update, apply_to_both
from quickstudy.errors import StoreError
from quickstudy.learners.decider import Decider
from quickstudy.stats.moments import one_blas_thread

UPDATES_AT_ONCE = 64  # before the replicas swap: some 20 ms
NICE = 10
REST_SECONDS = 0.04  # between batches of updates
MOST_REASONS = 10_000  # kept for callers that wait until an event is learned
log = logging.getLogger("quickstudy")


class Trainer:
    """Updates the replicas of one learner in log order, in a thread of its own.

    Args:
        version: the version of the learner.
        learned: called in the thread after each batch of updates.
        successor: called in the thread with an update that is a switch, and the champion that
            leaves; returns the learner that answers from there on.
        set_aside: called in the thread with an update that raised and was not learned; logs it.
            Without it such an update stops learning, while answers go on.
    """

    def __init__(
        self,
        learner: Decider,
        *,
        version: str,
        seq: int,
        name: str,
        learned: Callable[[Trainer], None],
        successor: Callable[[Update, Decider], Decider],
        set_aside: Callable[[SetAside], None] | None = None,
    ) -> None:
        self.replicas = LeftRightReplicas(learner, version)
        self.seq = seq  # of the last update learned
        self.failed: StoreError | None = None
        self._learned = learned
        self._successor = successor
        self._set_aside = set_aside
        self.reasons: OrderedDict[int, str] = OrderedDict()  # of updates that were set aside
        self._updates: deque[Update] = deque()
        self._waiting: deque[tuple[int, Future[None]]] = deque()
        self._tasks: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._given = seq
        self._change = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"learner-{name}", daemon=True)
        self._thread.start()

    def enqueue(self, updates: Sequence[Update]) -> None:
        """Queue updates in log order."""
        with self._change:
            self._updates.extend(updates)
            self._given = updates[-1].seq
            self._change.notify_all()

    @property
    def lag(self) -> int:
        """Number of updates that wait."""
        return len(self._updates)

    def after(self, seq: int) -> Future[None]:
        """A future that is done once all updates up to event `seq` are learned.

        It has an exception if an error stopped the trainer.
        """
        future: Future[None] = Future()
        with self._change:
            if self.failed:
                future.set_exception(self.failed)
            elif self.seq >= min(seq, self._given) and not self._updates:
                future.set_result(None)
            else:
                self._waiting.append((seq, future))
                self._change.notify_all()
        return future

    def run_between(self, act: Callable[[], Any]) -> Future[Any]:
        """Run a task in the trainer's thread, between batches of updates."""
        future: Future[Any] = Future()
        with self._change:
            if self._closed or self.failed:
                future.set_exception(self.failed or StoreError("the learner is out of service"))
            else:
                self._tasks.append((act, future))
                self._change.notify_all()
        return future

    def learned_up_to(self, seq: int) -> int:
        """The last event up to `seq` by which all is learned; only in the trainer's thread."""
        with self._change:
            behind = self._updates and self._updates[0].seq <= seq
            return self.seq if behind else max(self.seq, seq)

    def _run(self) -> None:
        if sys.platform == "linux":  # has a priority for each thread: answers come first
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        with one_blas_thread():  # as in the processes that refit and follow: the same bits
            self._work()

    def _work(self) -> None:
        while (updates := self._next()) is not None:
            try:
                if updates:
                    self._teach(updates)
                    self._learned(self)
                self._run_tasks()
                self._rest()
            except Exception as error:  # an unexpected error: answers go on, learning stops
                log.exception("learning has stopped")
                self._fail(error)
                return

    def _run_tasks(self) -> None:
        while self._tasks:
            act, future = self._tasks.popleft()
            try:
                future.set_result(act())
            except Exception as error:  # it belongs to the caller of the task
                future.set_exception(error)

    def _rest(self) -> None:
        """Wait for more updates, unless a caller waits: a larger batch is learned faster."""
        with self._change:
            self._change.wait_for(self._wanted, REST_SECONDS)

    def _wanted(self) -> bool:
        several = len(self._updates) >= UPDATES_AT_ONCE
        return several or self._closed or bool(self._waiting or self._tasks)

    def _next(self) -> list[Update] | None:
        """The next batch of updates, empty if there are only tasks; None at the end."""
        with self._change:
            while not self._updates and not self._tasks and not self._closed:
                self._change.wait()
            if not self._updates and not self._tasks:
                return None
            updates = list(islice(self._updates, UPDATES_AT_ONCE))
            switches = [i for i, update in enumerate(updates) if update.switch]
            return updates[: max(switches[0], 1)] if switches else updates

    def _teach(self, updates: list[Update]) -> None:
        if updates[0].switch:
            learner = self._successor(updates[0], self.replicas.back)
            self.replicas.replace(learner, updates[0].switch["version"])
        else:
            for update, error in apply_to_both(self.replicas, updates):
                self._leave_out(update, error)
        with self._change:
            for _ in updates:
                self._updates.popleft()
            self.seq = updates[-1].seq
            ready = []
            while self._waiting and (self._waiting[0][0] <= self.seq or not self._updates):
                ready.append(self._waiting.popleft()[1])
        for future in ready:
            future.set_result(None)

    def _leave_out(self, update: Update, error: Exception) -> None:
        """Log an update that raised, before any caller learns that it was processed."""
        if self._set_aside is None:
            raise error
        one = SetAside.of(update.seq, error)
        self._set_aside(one)
        self.reasons[update.seq] = one.reason
        while len(self.reasons) > MOST_REASONS:
            self.reasons.popitem(last=False)

    def _fail(self, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"
        failed = StoreError(f"learning has stopped ({reason}): open the store again")
        failed.__cause__ = error
        with self._change:
            self.failed = failed
            waiting = [future for _, future in [*self._waiting, *self._tasks]]
            self._waiting.clear()
            self._tasks.clear()
        for future in waiting:
            future.set_exception(failed)

    def close(self) -> None:
        """Learn all queued updates, and end."""
        with self._change:
            self._closed = True
            self._change.notify_all()
        self._thread.join()
