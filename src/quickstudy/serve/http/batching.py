"""Gathering: requests that come in one turn of the event loop are carried out together.

Nobody waits for it: what came while the loop was busy is there anyway. One call of the learner, one
place in the log's queue and one wake-up are then enough for all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

MOST_TOGETHER = 256  # records or feedbacks
Submit = Callable[[Any, list[Any]], Future[list[Any]]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Items of one request, and where their results go."""

    kind: Hashable
    items: Sequence[Any]
    future: asyncio.Future[list[Any]]


class MicroBatcher:
    """Hands items of one kind on together, for one event loop.

    Args:
        submit: takes a kind and items, and gives a future of as many results; all or none of what
            it is given is done.
    """

    def __init__(self, submit: Submit) -> None:
        self._submit = submit
        self._wanted: list[Wanted] = []

    async def ask(self, kind: Hashable, items: Sequence[Any]) -> list[Any]:
        """Results of a few items; raises what `submit` raises for these items alone."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Any]] = loop.create_future()
        self._wanted.append(Wanted(kind, items, future))
        if len(self._wanted) == 1:  # twice: after all that this turn of the loop still brings
            loop.call_soon(loop.call_soon, self._send_all)
        return await future

    def _send_all(self) -> None:
        wanted, self._wanted = self._wanted, []
        groups: dict[Hashable, list[Wanted]] = {}
        for one in wanted:
            group = groups.setdefault(one.kind, [])
            if group and sum(len(w.items) for w in group) + len(one.items) > MOST_TOGETHER:
                self._send(group)
                group = groups[one.kind] = []
            group.append(one)
        for group in groups.values():
            self._send(group)

    def _send(self, group: Sequence[Wanted]) -> None:
        try:
            done = self._submit(group[0].kind, [item for one in group for item in one.items])
        except Exception as error:  # one of them is to blame, and is told so by itself
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
        """Nothing of the group was done: each for itself; one alone has its error."""
        if len(group) > 1:
            for one in group:
                self._send([one])
        elif not group[0].future.done():
            group[0].future.set_exception(error)
