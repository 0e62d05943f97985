"""The writer: one thread that commits all waiting requests in one transaction (group commit)."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

from quickstudy.errors import StoreError
from quickstudy.log.failpoints import failpoint
from quickstudy.log.store import Store, Transaction

MAX_GROUP = 256  # requests in one transaction
log = logging.getLogger("quickstudy")


@dataclass(slots=True)
class Request:
    """A command for a transaction, and the future of its result."""

    what: Any
    future: Future[Any] = field(default_factory=Future)


class Handler(Protocol):
    """Carries out requests, several in one transaction.

    The result of a refused request is its error, and the request must have changed nothing. The
    transaction goes on, so whatever a handler wrote before it refused would be committed: each
    handler makes all its checks before its first write.
    """

    def handle(self, transaction: Transaction, requests: Sequence[Any]) -> list[Any]:
        """Results in order, with an exception for each refused request."""

    def undo(self) -> None:
        """The transaction failed: undo what `handle` changed in memory."""

    def committed(self, transaction: Transaction) -> None:
        """The transaction is on disk."""


class Writer:
    """Commits requests in order, those that arrived during the last commit in one transaction.

    Args:
        within: a context that the writer's thread enters for its whole life.
    """

    def __init__(
        self,
        store: Store,
        handler: Handler,
        *,
        within: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        self._store = store
        self._handler = handler
        self._within = within
        self._queue: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._closed = False
        self._entry = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="quickstudy-writer", daemon=True)
        self._thread.start()

    def submit(self, what: Any) -> Future[Any]:
        """Queue a request; its future is done when it is on disk.

        Raises:
            StoreError: the store is closed.
        """
        request = Request(what)
        with self._entry:
            if self._closed:
                raise StoreError("the store was closed; open it again")
            self._queue.put(request)
        return request.future

    def close(self) -> None:
        """Finish all submitted requests and stop the thread."""
        with self._entry:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        with self._within():
            self._work()

    def _work(self) -> None:
        going = True
        while going:
            group = [self._queue.get()]
            while len(group) < MAX_GROUP and not self._queue.empty():
                group.append(self._queue.get())
            going = None not in group
            requests = [r for r in group if r is not None]
            live = [r for r in requests if r.future.set_running_or_notify_cancel()]
            if live:
                self._commit(live)

    def _commit(self, requests: list[Request]) -> None:
        try:
            results, transaction = self._write([r.what for r in requests])
        except Exception as error:  # nothing of this group was committed
            self._handler.undo()
            for request in requests:
                request.future.set_exception(_as_store_error(error))
            return
        try:
            self._handler.committed(transaction)
        except Exception:  # the commit stands, and later requests must not hang
            log.exception("after a commit")
        failpoint("before-reply")
        for request, result in zip(requests, results, strict=True):
            if isinstance(result, Exception):
                request.future.set_exception(result)
            else:
                request.future.set_result(result)

    def _write(self, requests: list[Any]) -> tuple[list[Any], Transaction]:
        with self._store.transaction() as transaction:
            results = self._handler.handle(transaction, requests)
        return results, transaction


def _as_store_error(error: Exception) -> Exception:
    if isinstance(error, StoreError):
        return error
    made = StoreError(f"the store could not be written ({type(error).__name__}: {error})")
    made.__cause__ = error
    return made
