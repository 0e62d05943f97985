"""`History`: the pieces of the spans of one run, each once and in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from quickstudy.adapters.step import Step
from quickstudy.adapters.traces.piece import Piece, squeezed, tool_of
from quickstudy.adapters.traces.spans.activity import AROUND, DAMAGED, MODEL, TOOL, Activity
from quickstudy.adapters.traces.spans.otlp import Span

Key = tuple[str, str]
Asked = tuple[str | None, str]  # id and text of a call that a model asked for


class History:
    """The pieces so far, so that no piece is added twice.

    The span of a model repeats the conversation before it, and a call is in the answer that asked
    for it, in the span that made it, and in all later histories. Equal pieces are recognised by the
    id of their call, or without one by their text.
    """

    def __init__(self, spans: Sequence[Span], activities: Sequence[Activity]) -> None:
        self.spans = spans
        self.activities = activities
        self.told: list[tuple[Piece, int]] = []  # each with the number of its span
        self._counts: Counter[Key] = Counter()
        self._loose: Counter[Key] = Counter()  # pieces without an id, which a later copy may have
        self._asked: list[Asked] = []  # calls that are not made yet
        self._bare: dict[Key, int] = {}  # calls without arguments -> position in `told`
        self._begun: dict[int, int] = {}  # span -> number of pieces at its start
        self._inside = _ancestors(spans)

    def pieces(self) -> list[Piece]:
        """All pieces, in the order in which they happened."""
        moments = []
        for i, span in enumerate(self.spans):
            moments.append((span.start, 1, span.start, i))
            moments.append((span.end, 0 if span.end > span.start else 2, span.start, i))
        for _, moment, _, i in sorted(moments):
            if moment == 1:
                self._begin(i)
            else:
                self._finish(i)
        return [piece for piece, _ in self.told]

    def _begin(self, i: int) -> None:
        activity = self.activities[i]
        if activity.type in (MODEL, AROUND):
            self._new(activity.inputs, i)
        elif activity.type == DAMAGED:
            text = f"[{activity.name}]"
            step = Step(text, error=activity.failure is not None)
            self._tell(Piece("unknown", None, step, (activity.name,)), i)
        elif activity.call is not None and not self._is_inner(i):
            self._make(activity.call, i)
        self._begun[i] = len(self.told)

    def _finish(self, i: int) -> None:
        activity = self.activities[i]
        if activity.type == TOOL and not self._is_inner(i):
            self._return(activity, i)
        if activity.type not in (MODEL, AROUND):
            return
        since = self.told[self._begun.get(i, 0) :]
        if activity.type == MODEL:
            since = [one for one in since if i in self._inside[one[1]] or _is_tied(one[0])]
        here = Counter(_key(piece) for piece, _ in since)
        for piece in activity.outputs:
            if here[_key(piece)] > 0:
                here[_key(piece)] -= 1
                self._complete(piece)
            else:
                self._tell(piece, i)
        if activity.failure and not any(piece.step.error for piece, _ in since):
            self._tell(Piece("said", None, Step(activity.failure, error=True)), i)

    def _is_inner(self, i: int) -> bool:
        """Whether a tool's span is inside one of the same tool: two libraries saw one call."""
        mine = self.activities[i].call
        for j in self._inside[i]:
            outer = self.activities[j]
            if outer.type in (MODEL, AROUND):  # an agent inside the tool made the call
                return False
            if mine and outer.call and _name(outer.call) == _name(mine):
                return True
        return False

    def _make(self, piece: Piece, i: int) -> None:
        """Add the call of a tool's span, unless the answer of a model has it already."""
        asked = self._match(piece)
        if asked is not None:
            self._asked.remove(asked)
            self._complete(piece._replace(id=asked[0]))
            if piece.id is None:  # the result gets the id of the call in the answer
                self._adopt(i, asked[0])
        elif piece.id is None or not self._is_open(piece.id):
            self._tell(piece, i)
            self._asked.remove((piece.id, piece.step.x))  # the call is made now

    def _match(self, piece: Piece) -> Asked | None:
        """The call that was asked for, by id, else by text, else by tool."""
        if piece.id is not None:
            of_id = next((one for one in self._asked if one[0] == piece.id), None)
            if of_id is not None or self._is_open(piece.id):
                return of_id
        free = [one for one in self._asked if piece.id is None or one[0] is None]
        text = squeezed(piece.step.x)
        same = next((one for one in free if squeezed(one[1]) == text), None)
        return same or next((one for one in free if tool_of(one[1]) == _name(piece)), None)

    def _is_open(self, id: str) -> bool:
        """Whether a call of that id has no result yet; some providers restart ids at 0."""
        return self._counts["call", id] > self._counts["result", id]

    def _adopt(self, i: int, id: str | None) -> None:
        result = self.activities[i].result
        if result is not None and result.id is None:
            self.activities[i].result = result._replace(id=id)

    def _return(self, activity: Activity, i: int) -> None:
        piece, failure = activity.result, activity.failure
        if piece is None and failure:
            piece = Piece("result", None, Step(failure, error=True))
        if piece is None:
            return
        if piece.id is None or self._is_open(piece.id) or self._counts[_key(piece)] == 0:
            self._tell(piece, i)

    def _new(self, pieces: Iterable[Piece], i: int) -> None:
        """The pieces that are more often in a history than among the pieces so far."""
        here: Counter[Key] = Counter()
        for piece in pieces:
            key = _key(piece)
            here[key] += 1
            if here[key] <= self._counts[key]:
                self._complete(piece)
                continue
            loose = (piece.type, squeezed(piece.step.x))
            if piece.id is not None and self._loose[loose] > 0:
                self._loose[loose] -= 1
                self._counts[key] += 1
            else:
                self._tell(piece, i)

    def _complete(self, piece: Piece) -> None:
        """Add the arguments of a call that its own span lacks."""
        at = self._bare.get(_key(piece))
        if at is not None and piece.step.x != self.told[at][0].step.x:
            self.told[at] = (piece, self.told[at][1])
            del self._bare[_key(piece)]

    def _tell(self, piece: Piece, i: int) -> None:
        if piece.type == "call" and piece.id is not None and _name(piece) == piece.step.x:
            self._bare[_key(piece)] = len(self.told)
        self._counts[_key(piece)] += 1
        if piece.id is None and piece.type in ("call", "result"):
            self._loose[_key(piece)] += 1
        if piece.type == "call":
            self._asked.append((piece.id, piece.step.x))
        self.told.append((piece, i))


def _key(piece: Piece) -> Key:
    return piece.type, piece.id or squeezed(piece.step.x)


def _is_tied(piece: Piece) -> bool:
    """Whether a piece has an id, so that it may occur before the model's answer ends."""
    return piece.type in ("call", "result") and piece.id is not None


def _name(piece: Piece) -> str:
    return tool_of(piece.step.x)


def _ancestors(spans: Sequence[Span]) -> list[dict[int, None]]:
    """The spans around each span, innermost first.

    In a broken export spans may be around each other; each is used once.
    """
    places = {(span.trace, span.id): i for i, span in enumerate(spans)}
    found = []
    for span in spans:
        around: dict[int, None] = {}
        at = span
        while at.parent is not None and (at.trace, at.parent) in places:
            i = places[at.trace, at.parent]
            if i in around:
                break
            around[i] = None
            at = spans[i]
        found.append(around)
    return found
