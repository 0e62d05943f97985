"""Micro-batching: requests that arrive in one turn of the event loop are processed together.

No request waits for others: the batch is what arrived while the loop was busy. One call of the
learner, one entry in the writer's queue and one wake-up serve all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

MOST_TOGETHER = 256  # records or feedbacks in one batch
Submit = Callable[[Any, list[Any]], Future[list[Any]]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Items of one request, and the future of their results."""

    key: Hashable
    items: Sequence[Any]
    future: asyncio.Future[list[Any]]


class MicroBatcher:
    """Batches items with the same key, for one event loop.

    Args:
        submit: takes a key and items, and returns a future of as many results; it processes all
            items or none.
    """

    def __init__(self, submit: Submit) -> None:
        self._submit = submit
        self._wanted: list[Wanted] = []

    async def ask(self, key: Hashable, items: Sequence[Any]) -> list[Any]:
        """Results of some items; raises only errors of these items."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Any]] = loop.create_future()
        self._wanted.append(Wanted(key, items, future))
        if len(self._wanted) == 1:  # the first of a batch; sent after the rest of this turn
            loop.call_soon(loop.call_soon, self._send_all)
        return await future

    def _send_all(self) -> None:
        wanted, self._wanted = self._wanted, []
        groups: dict[Hashable, list[Wanted]] = {}
        for one in wanted:
            group = groups.setdefault(one.key, [])
            if group and sum(len(w.items) for w in group) + len(one.items) > MOST_TOGETHER:
                self._send(group)
                group = groups[one.key] = []
            group.append(one)
        for group in groups.values():
            self._send(group)

    def _send(self, group: Sequence[Wanted]) -> None:
        try:
            done = self._submit(group[0].key, [item for one in group for item in one.items])
        except Exception as error:  # caused by one request, which is to get it alone
            self._one_by_one(group, error)
            return
        loop = group[0].future.get_loop()
        done.add_done_callback(lambda made: loop.call_soon_threadsafe(self._share, group, made))

    def _share(self, group: Sequence[Wanted], made: Future[list[Any]]) -> None:
        if error := made.exception():
            self._one_by_one(group, error)
            return
        results, at = made.result(), 0
        for one in group:
            stop = at + len(one.items)
            if not one.future.done():
                one.future.set_result(results[at:stop])
            at = stop

    def _one_by_one(self, group: Sequence[Wanted], error: BaseException) -> None:
        """Submit each request of a failed group by itself; a single request gets the error."""
        if len(group) > 1:
            for one in group:
                self._send([one])
        elif not group[0].future.done():
            group[0].future.set_exception(error)
