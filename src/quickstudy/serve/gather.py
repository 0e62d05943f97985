"""Gathering: requests for predictions that come in one turn of the loop are answered together.

Nobody waits for it: what came while the loop was busy is there anyway. One call of the learner, one
place in the log's queue and one wake-up are then enough for all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from quickstudy.deploy.answers import Answer
from quickstudy.deploy.deployment import Deployment

MOST_TOGETHER = 256  # records


@dataclass(frozen=True, slots=True)
class Wanted:
    """One request, and where its answers go."""

    name: str
    records: Sequence[Any]
    ids: Sequence[str | None]
    actor: str
    future: asyncio.Future[list[Answer]]


class Gather:
    """Asks a deployment for predictions, for one event loop."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._wanted: list[Wanted] = []

    async def predict(
        self, name: str, records: Sequence[Any], *, ids: Sequence[str | None] | None, actor: str
    ) -> list[Answer]:
        """Answers for a few records; refusals are those of `Deployment.predict_many`."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Answer]] = loop.create_future()
        each = ids if ids is not None else [None] * len(records)
        self._wanted.append(Wanted(name, records, each, actor, future))
        if len(self._wanted) == 1:  # twice: after all that this turn of the loop still brings
            loop.call_soon(loop.call_soon, self._send_all)
        return await future

    def _send_all(self) -> None:
        wanted, self._wanted = self._wanted, []
        groups: dict[tuple[str, str], list[Wanted]] = {}
        for one in wanted:
            groups.setdefault((one.name, one.actor), []).append(one)
        for group in groups.values():
            part: list[Wanted] = []
            for one in group:
                if part and sum(len(w.records) for w in part) + len(one.records) > MOST_TOGETHER:
                    self._send(part)
                    part = []
                part.append(one)
            self._send(part)

    def _send(self, group: Sequence[Wanted]) -> None:
        records = [record for one in group for record in one.records]
        ids = [i for one in group for i in one.ids] if _evenly(group) else None
        if ids is None:
            self._one_by_one(group, None)
            return
        try:
            done = self._deployment.submit_predict(
                group[0].name, records, ids=ids, actor=group[0].actor
            )
        except Exception as error:  # one of them is to blame, and is told so by itself
            self._one_by_one(group, error)
            return
        loop = group[0].future.get_loop()
        done.add_done_callback(lambda made: loop.call_soon_threadsafe(self._share, group, made))

    def _share(self, group: Sequence[Wanted], made: Future[list[Answer]]) -> None:
        if error := made.exception():
            self._one_by_one(group, error)
            return
        answers, at = made.result(), 0
        for one in group:
            stop = at + len(one.records)
            if not one.future.done():
                one.future.set_result(answers[at:stop])
            at = stop

    def _one_by_one(self, group: Sequence[Wanted], error: BaseException | None) -> None:
        """Nothing of the group was done: each for itself; one alone has its error."""
        if len(group) > 1:
            for one in group:
                self._send([one])
        elif error is not None and not group[0].future.done():
            group[0].future.set_exception(error)


def _evenly(group: Sequence[Wanted]) -> bool:
    """Whether each record has an id or None: else the deployment says what is wrong."""
    return len(group) == 1 or all(len(one.ids) == len(one.records) for one in group)
