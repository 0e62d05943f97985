"""The worker: teaches the twins of one learner, in the order of the log."""

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

UPDATES_AT_ONCE = 64  # before the twins change places: some 20 ms
NICE = 10
REST_SECONDS = 0.04  # between rounds of lessons
MOST_REASONS = 10_000  # kept for who waits until an event is learned
log = logging.getLogger("quickstudy")


class Trainer:
    """Teaches the twins of one learner, in the order of the log, in a thread of its own.

    Args:
        version: that the learner is a line of.
        learned: called in the thread after each round of lessons.
        successor: called in the thread with a lesson that is a switch, and the champion that
            leaves; gives the learner that answers from there on.
        set_aside: called in the thread with a lesson that raised and was not learned; puts it on
            record. Without it such a lesson ends the learning, and answers go on.
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
        self.seq = seq  # of the last lesson learned
        self.failed: StoreError | None = None
        self._learned = learned
        self._successor = successor
        self._set_aside = set_aside
        self.reasons: OrderedDict[int, str] = OrderedDict()  # of the latest that were set aside
        self._updates: deque[Update] = deque()
        self._waiting: deque[tuple[int, Future[None]]] = deque()
        self._tasks: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._given = seq
        self._change = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"learner-{name}", daemon=True)
        self._thread.start()

    def enqueue(self, updates: Sequence[Update]) -> None:
        """Queue lessons, in the order of the log."""
        with self._change:
            self._updates.extend(updates)
            self._given = updates[-1].seq
            self._change.notify_all()

    @property
    def lag(self) -> int:
        """Lessons that wait."""
        return len(self._updates)

    def after(self, seq: int) -> Future[None]:
        """Done once everything up to event `seq` is learned.

        Raises, through the future, what stopped the worker if something did.
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
        """Have something done in the worker's thread, between lessons."""
        future: Future[Any] = Future()
        with self._change:
            if self._closed or self.failed:
                future.set_exception(self.failed or StoreError("the learner is off duty"))
            else:
                self._tasks.append((act, future))
                self._change.notify_all()
        return future

    def learned_up_to(self, seq: int) -> int:
        """The last event up to `seq` by which everything is learned; in the worker's thread."""
        with self._change:
            behind = self._updates and self._updates[0].seq <= seq
            return self.seq if behind else max(self.seq, seq)

    def _run(self) -> None:
        if sys.platform == "linux":  # has it for each thread: answers come first
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
            except Exception as error:  # what was not foreseen: answers go on, learning stops
                log.exception("learning has stopped")
                self._fail(error)
                return

    def _run_tasks(self) -> None:
        while self._tasks:
            act, future = self._tasks.popleft()
            try:
                future.set_result(act())
            except Exception as error:  # it is for whoever sent the errand
                future.set_exception(error)

    def _rest(self) -> None:
        """Let lessons gather, unless somebody waits: together they are learned faster."""
        with self._change:
            self._change.wait_for(self._wanted, REST_SECONDS)

    def _wanted(self) -> bool:
        several = len(self._updates) >= UPDATES_AT_ONCE
        return several or self._closed or bool(self._waiting or self._tasks)

    def _next(self) -> list[Update] | None:
        """Lessons to be taught together, perhaps none but errands; None at the end."""
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
        """Put a lesson on record that raised; before anybody hears that it was dealt with."""
        if self._set_aside is None:
            raise error
        one = SetAside.of(update.seq, error)
        self._set_aside(one)
        self.reasons[update.seq] = one.reason
        while len(self.reasons) > MOST_REASONS:
            self.reasons.popitem(last=False)

    def _fail(self, error: Exception) -> None:
        told = StoreError(f"learning has stopped ({type(error).__name__}: {error}): start it anew")
        told.__cause__ = error
        with self._change:
            self.failed = told
            waiting = [future for _, future in [*self._waiting, *self._tasks]]
            self._waiting.clear()
            self._tasks.clear()
        for future in waiting:
            future.set_exception(told)

    def close(self) -> None:
        """Learn what was given, and end."""
        with self._change:
            self._closed = True
            self._change.notify_all()
        self._thread.join()
