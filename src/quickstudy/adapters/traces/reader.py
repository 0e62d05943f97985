"""`Reader`: reads each part of a message by the table of the format that knows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from quickstudy.adapters.step import Step, as_json, call, tells_failure
from quickstudy.adapters.traces.failure import marked
from quickstudy.adapters.traces.fields import brief, equal, first, plain, written
from quickstudy.adapters.traces.piece import Piece, Told, in_order, said
from quickstudy.errors import InputError

Failed = Callable[[str], bool]
TYPES = ("type", "part_kind", "block_type")  # names of the field for the type of a part
EMPTY = "(empty)"  # the result of a call that returns nothing
ARGUMENTS = ("arguments", "args", "input", "parameters")
IDS = ("call_id", "callId", "tool_call_id", "toolCallId", "tool_use_id", "toolUseId", "id")
_TEXTS = ("text", "content", "message", "output", "value")
_UNREAD = ("encrypted_content", "encrypted_index", "encrypted_stdout", "signature")


PartReader = Callable[["Reader", Mapping[str, Any], str], Iterable[Piece]]


@dataclass(frozen=True)
class Format:
    """A format: its messages, and readers of its parts by type, by key or by family.

    Attributes:
        name: for error messages.
        holds: whether a message has this format; the first such format reads it.
        read: the pieces of such a message.
        types: readers of parts with that `type`.
        keys: readers of parts without a type, by a field that identifies them.
        families: readers of parts whose type has this start and this end.
    """

    name: str
    holds: Callable[[Mapping[str, Any]], bool] | None = None
    read: PartReader | None = None
    types: Mapping[str, PartReader] = field(default_factory=dict)
    keys: Mapping[str, PartReader] = field(default_factory=dict)
    families: tuple[tuple[str, str, PartReader], ...] = ()


class Reader:
    """Reads messages; `failed` decides whether an unmarked result is a failure."""

    def __init__(self, formats: Sequence[Format], failed: Failed) -> None:
        self.formats = formats
        self.failed = failed
        self.recognised = 0  # number of known messages and parts
        self.problems: list[str] = []  # of known parts that cannot be read, with places
        self.approvals: dict[str, str] = {}  # request for consent -> its call
        self.denied: set[str] = set()  # calls whose denial has a step already
        self._last: dict[int, tuple[Any, list[Piece]]] = {}
        self._types: dict[str, PartReader] = {}
        self._keys: dict[str, PartReader] = {}
        for form in formats:
            self._types |= form.types
            self._keys |= form.keys

    def message(self, message: Any, at: str) -> list[Piece]:
        """The pieces of the message at `at`, also if it cannot be read."""
        type_name = message.get("type") if isinstance(message, Mapping) else None
        name = type_name if isinstance(type_name, str) and type_name else "message"
        return self.attempt(name, message, at, lambda: self._ordered(message, at))

    def _ordered(self, message: Any, at: str) -> list[Piece]:
        return in_order(self._message(plain(_paired(message), at), at))

    def attempt(
        self, name: str, given: Any, at: str, read: Callable[[], Iterable[Piece]]
    ) -> list[Piece]:
        """The result of `read`; if that fails, a step of that name, counted as skipped.

        One bad part never loses a run; the reason is added to `problems`.
        """
        known = self.recognised
        try:
            return list(read())
        except RecursionError:
            reason = f"{at} is nested too deep to be read"
        except InputError as error:
            reason = str(error)
        self.recognised = known
        self.problems.append(reason)
        if given is None:
            return []
        shown = given if isinstance(given, Mapping) else {"text": given}
        return [self.unknown(name, shown)]

    def history(self, messages: Sequence[Any], at: str) -> list[Piece]:
        """The pieces of many messages; equal ones of an earlier history are reused.

        Every span of a model repeats the conversation, so reading all of it each time would take
        time quadratic in its length.
        """
        found: list[Piece] = []
        for i, message in enumerate(messages):
            if i not in self._last or not equal(self._last[i][0], message):
                self._last[i] = (message, self.message(message, f"{at}[{i}]"))
            found += self._last[i][1]
        return found

    def _message(self, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
        for form in self.formats:
            if form.holds and form.read and form.holds(given):
                self.recognised += 1
                return form.read(self, given, at)
        if isinstance(given.get("type"), str) or any(name in self._keys for name in given):
            return self.parts([given], at)
        raise InputError(f"{at} has no 'role'; {self.readable()}")

    def readable(self) -> str:
        """The names of all formats, for error messages."""
        return f"what is read: {', '.join(form.name for form in self.formats)}"

    def parts(self, content: Any, at: str) -> list[Piece]:
        """The pieces of a text or a list of parts; adjacent texts are one piece."""
        found: list[Piece] = []
        for piece in self._each(content, at):
            piece = piece._replace(type="said") if piece.type == "media" else piece
            before = found[-1] if found else None
            if not piece.step.x.strip() and piece.type == "said":
                continue
            if before and before.type == piece.type == "said" and not piece.step.error:
                found[-1] = before._replace(step=Step(f"{before.step.x}\n{piece.step.x}"))
            else:
                found.append(piece)
        return found

    def _each(self, content: Any, at: str) -> Iterator[Piece]:
        if content is None:
            return
        if isinstance(content, str):
            content = [content]
        if not isinstance(content, list | tuple):
            yield from self.attempt(_last(at), content, at, lambda: _refuse(content, at))
            return
        for j, part in enumerate(content):
            yield from self.part(part, f"{at}[{j}]")

    def part(self, part: Any, at: str) -> Iterable[Piece]:
        """The pieces of one part: a text, an object with a `type`, or one with a known key."""
        return self.attempt(_name_of(part), part, at, lambda: self._part(part, at))

    def _part(self, part: Any, at: str) -> Iterable[Piece]:
        if isinstance(part, str):
            self.recognised += 1
            return [said(part)]
        given = plain(part, at)
        name = next((name for name in TYPES if given.get(name) is not None), None)
        if name is None:
            return self._keyed(given, at)
        type_name = given[name]
        if not isinstance(type_name, str):
            raise InputError(f"{at}.{name} is {brief(type_name)}; it must be a text")
        read = self.knows(type_name)
        if read is None:
            return [self.unknown(type_name, given)]
        self.recognised += 1
        return read(self, given, at)

    def knows(self, type_name: str) -> PartReader | None:
        """The reader of parts of a type; None if no format knows it."""
        if type_name in self._types:
            return self._types[type_name]
        for form in self.formats:
            for start, end, read in form.families:
                if (
                    len(type_name) > len(start + end)
                    and type_name.startswith(start)
                    and type_name.endswith(end)
                ):
                    return read
        return None

    def _keyed(self, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
        there = {name for name, value in given.items() if value is not None}
        key = next((name for name in self._keys if name in there), None)
        if key is not None:
            self.recognised += 1
            return self._keys[key](self, given, at)
        if not there or "type" in given:
            raise InputError(f"{at} has no 'type'")
        return [self.unknown(str(next(iter(n for n in given if n in there))), given)]

    def unknown(self, name: str, given: Mapping[str, Any]) -> Piece:
        """The piece of an unknown part: its name and its text, if it has one."""
        text = first(given, _TEXTS)
        text = f"[{name}] {text}" if isinstance(text, str) and text.strip() else f"[{name}]"
        return Piece("unknown", None, Step(text, error=marked(given) is True), (name,))

    def call(
        self, given: Mapping[str, Any], at: str, *, name: Any, id: Any = None, made: Any = None
    ) -> Piece:
        """The piece of a call; a call that never ran or was cut off is an error itself."""
        if name is None or name == "":
            raise InputError(f"{at} has no 'name'")
        if not isinstance(name, str):
            raise InputError(f"{at}.name is {brief(name)}; it must be a text")
        if not (made is None or isinstance(made, str | Mapping)):
            made = as_json(made)
        text = call(name, made)
        step = Step(text, action=text, error=marked(given) is True)
        return Piece("call", _id(id), step)

    def result(
        self,
        content: Any,
        at: str,
        *,
        id: Any = None,
        marks: Iterable[Any] = (),
        parts: bool = False,
    ) -> Piece:
        """The piece of a result.

        Args:
            content: a text, a list of parts, or any other value.
            at: its place.
            id: of the call.
            marks: the objects that may mark the call as failed.
            parts: whether a list is surely one of parts; otherwise it may be a plain value.
        """
        told = self.text(content, at, parts=parts)
        found = {marked(one) for one in marks} | set(self._verdicts(content))
        error = True in found or (False not in found and self.failed(told.words))
        return Piece("result", _id(id), Step(told.text or EMPTY, error=error), told.skipped)

    def text(self, content: Any, at: str, *, parts: bool = False) -> Told:
        """The text of a result, and the names of its unknown parts."""
        is_part = self._may_be_part if parts else self.is_part
        if isinstance(content, list | tuple) and content and all(map(is_part, content)):
            return _joined(list(self._each(content, at)))
        if isinstance(content, list | tuple) and content and all(map(_has_streams, content)):
            return _told("\n".join(_streams(one) or "" for one in content))
        if isinstance(content, Mapping):
            return self._object(content, at)
        return _told(written(content) if content != [] else "")

    def _object(self, content: Mapping[str, Any], at: str) -> Told:
        there = {name: value for name, value in content.items() if value is not None}
        inner = there.get("content")
        if _streams(there) is not None:
            return _told(_streams(there) or "")
        if isinstance(inner, list | tuple | str) and there.keys() <= _RESULT_FIELDS:
            return self.text(inner, f"{at}.content", parts=True)
        if isinstance(there.get("type"), str) and self.is_part(content):
            return self.text([content], at)
        words = [there.get(name) for name in ("error_code", "error_message", "message")]
        if there.keys() <= _ERROR_FIELDS and any(words):
            return _told(": ".join(written(word) for word in words if word))
        [*names] = there
        if len(names) == 1 and names[0] in _SINGLE and isinstance(there[names[0]], str):
            return _told(there[names[0]])
        return _told(as_json({n: v for n, v in content.items() if n not in _UNREAD}))

    def _verdicts(self, content: Any) -> Iterator[bool | None]:
        """Marks in the objects of a result on whether the call failed.

        In an object of a known format all marks count. A plain value of a tool may have a status
        with another meaning ("cancelled" for an order), so only the usual error fields count.
        """
        for one in content if isinstance(content, list | tuple) else [content]:
            if not isinstance(one, Mapping):
                continue
            if _OUTCOMES & one.keys() or self.is_part(one):
                yield marked(one)
            elif one is content:
                yield tells_failure(one) or None
                if len(one) == 1 and isinstance(first(one, ("result", "output")), Mapping):
                    yield tells_failure(first(one, ("result", "output"))) or None

    def _may_be_part(self, value: Any) -> bool:
        return _has_type(value) or self.is_part(value)

    def is_part(self, value: Any) -> bool:
        """Whether a value is content: a text, or a part that a format knows."""
        if isinstance(value, str):
            return True
        if not isinstance(value, Mapping):
            return callable(getattr(value, "model_dump", None))
        type_name = first(value, TYPES)
        if type_name is None:
            return len(value) == 1 and next(iter(value)) in self._keys
        return isinstance(type_name, str) and self.knows(type_name) is not None


_RESULT_FIELDS = {
    *("content", "isError", "is_error", "structuredContent", "structured_content", "_meta"),
    *("meta", "status", "type", "name", "id", "tool_call_id", "toolUseId", "tool_use_id"),
    *("artifact", "additional_kwargs", "response_metadata", "role"),
}
_OUTCOMES = {"isError", "is_error", "stdout", "stderr", "outcome"}
_ERROR_FIELDS = {
    *("message", "code", "type", "param", "name", "stack", "data", "cause"),
    *("error_code", "error_message"),
}
_SINGLE = ("output", "result", "error", "text")


def _last(at: str) -> str:
    """The last field name of a place."""
    return at.rsplit(".", 1)[-1].split("[", 1)[0]


def _refuse(content: Any, at: str) -> Iterable[Piece]:
    raise InputError(f"{at} is {brief(content)}; it must be a text or a list of parts")


def _name_of(part: Any) -> str:
    """The name of a part that cannot be read: its type, or the key that identifies it."""
    if not isinstance(part, Mapping):
        return "part"
    type_name = next((part[name] for name in TYPES if part.get(name) is not None), None)
    named = (name for name, value in part.items() if value is not None and isinstance(name, str))
    return type_name if isinstance(type_name, str) and type_name else next(named, "part")


def _id(given: Any) -> str | None:
    """The id of a call as text; some formats number their calls."""
    if isinstance(given, int) and not isinstance(given, bool):
        return brief(given)
    return given if isinstance(given, str) and given else None


def _told(text: str) -> Told:
    return Told(text, text, ())


def _joined(pieces: Sequence[Piece]) -> Told:
    """The parts of a result as one text, and without pictures and unknown parts as its words."""
    pieces = [piece for piece in pieces if piece.step.x.strip()]
    text = "\n".join(piece.step.x for piece in pieces)
    words = "\n".join(piece.step.x for piece in pieces if piece.type not in ("media", "unknown"))
    return Told(text, words, tuple(name for piece in pieces for name in piece.skipped))


def _has_streams(value: Any) -> bool:
    return isinstance(value, Mapping) and ("stdout" in value or "stderr" in value)


def _streams(value: Mapping[str, Any]) -> str | None:
    """The output of a program; None if the object is something else."""
    found = [value[n] for n in ("stdout", "stderr") if isinstance(value.get(n), str)]
    return "\n".join(one.rstrip("\n") for one in found if one.strip()) if found else None


def _has_type(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return isinstance(value, str) or callable(getattr(value, "model_dump", None))
    type_name = first(value, TYPES)
    if type_name is None:
        return len(value) == 1 and isinstance(next(iter(value.values())), Mapping)
    return isinstance(type_name, str)


def _paired(message: Any) -> Any:
    """The message of a pair of role and text, which LangChain accepts as well."""
    if isinstance(message, list | tuple) and len(message) == 2:
        role, content = message
        if isinstance(role, str) and isinstance(content, str):
            return {"role": role, "content": content}
    return message
