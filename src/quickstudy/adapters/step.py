"""`Step` and `Steps` of a run, and the normal form of a call."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_FAILED = re.compile(
    r"[\s\[<(*]*[\w.]*(?:error|exception)(?=[\s:!.,\])(>*]|$)"
    r"|\W*(?:(?:process|command) (?:exited|failed) with )?exit (?:code|status):? -?[1-9]"
    r"|\W*(?:process|command) exited with (?:code|status):? -?[1-9]",
    re.IGNORECASE,
)
_TRACEBACK = re.compile(r"^[ \t]*traceback \(most recent call last\)", re.IGNORECASE | re.MULTILINE)
ERROR_FIELDS = ("error", "isError", "is_error", "error_code", "error_message", "errorMessage")
EXIT_CODES = (
    *("exit_code", "exitCode", "exit_status", "exitStatus"),
    *("return_code", "returnCode", "returncode"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a run, as `ValueFunction.step` takes it.

    Attributes:
        x: the message, the call or the result.
        action: the call in the form of `call`; None for a step without one.
        error: whether the step is the failure of a call.
        reward: that came with the step.
    """

    x: str
    action: str | None = None
    error: bool = False
    reward: float = 0.0


class Steps(list[Step]):
    """The steps of one run, as a list.

    Attributes:
        skipped: number of parts that no reader knows, by name. The step of such a part has its
            name and its text; the rest is not read. Damaged parts are counted as well.
        problems: of the damaged parts, one line each with place, field and value.

    >>> Steps([Step("hello")], skipped=["hologram", "hologram"]).skipped
    Counter({'hologram': 2})
    """

    def __init__(
        self,
        steps: Iterable[Step] = (),
        *,
        skipped: Iterable[str] = (),
        problems: Iterable[str] = (),
    ) -> None:
        super().__init__(steps)
        self.skipped: Counter[str] = Counter(skipped)
        self.problems: tuple[str, ...] = tuple(problems)


def call(name: str, arguments: str | Mapping[str, Any] | None = None) -> str:
    """A call in its normal form: name, space, arguments as JSON with sorted keys.

    Args:
        name: of the tool.
        arguments: an object or its JSON; other text is not changed. None: unknown.

    >>> call("search", '{"to":"SEA","from":"JFK"}')
    'search {"from": "JFK", "to": "SEA"}'
    >>> call("search", "")
    'search {}'
    >>> call("search")
    'search'
    """
    if arguments is None:
        return name
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except (ValueError, RecursionError):
            return f"{name} {arguments}"
    return f"{name} {as_json(arguments)}"


def as_json(value: Any) -> str:
    """A value as JSON with sorted keys; a value that JSON cannot hold, as Python prints it.

    >>> as_json({"b": 1, "a": None}), as_json({1: 2, "a": 3})
    ('{"a": null, "b": 1}', "{1: 2, 'a': 3}")
    """
    try:
        return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    except (TypeError, ValueError):
        return _as_python(value)
    except RecursionError:
        return "(nested too deep)"


def _as_python(value: Any) -> str:
    try:
        return repr(value)
    except (
        ValueError,
        RecursionError,
    ):  # huge integers; lists that contain themselves
        return "(cannot be written)"


def looks_failed(result: str) -> bool:
    """Whether the text of a result reports a failure.

    Text reports a failure by its first word, a traceback, or an exit code other than zero; a JSON
    object by an error field, its status, its exit code, or `success: false`.

    >>> looks_failed("Error: not enough seats"), looks_failed('{"error": "no such user"}')
    (True, True)
    >>> looks_failed("KeyError: 'id'"), looks_failed("errors: 0"), looks_failed('{"error": null}')
    (True, False, False)
    >>> looks_failed("Exit code: 1"), looks_failed('{"exit_code": 0}')
    (True, False)
    """
    if _FAILED.match(result) or _TRACEBACK.search(result):
        return True
    if not result.lstrip().startswith("{"):
        return False
    try:
        told = json.loads(result)
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and tells_failure(told)


def tells_failure(told: Mapping[str, Any]) -> bool:
    """Whether the value that a tool returned reports a failure, by the usual field names.

    >>> tells_failure({"status": "error", "reason": "quota"}), tells_failure({"status": "shipped"})
    (True, False)
    """
    inner = told.get("metadata")  # shells put exit codes there
    return (
        any(bool(told.get(name)) for name in ERROR_FIELDS)
        or any(is_failed_exit(told.get(name)) for name in EXIT_CODES)
        or told.get("status") in ("error", "failed", "failure")
        or told.get("success") is False
        or told.get("ok") is False
        or (isinstance(inner, dict) and any(is_failed_exit(inner.get(n)) for n in EXIT_CODES))
    )


def is_failed_exit(code: Any) -> bool:
    """Whether a value is an exit code other than zero; values that are not numbers are not.

    >>> is_failed_exit(1), is_failed_exit("127"), is_failed_exit(0), is_failed_exit(None)
    (True, True, False, False)
    """
    if isinstance(code, str):
        return bool(re.fullmatch(r"-?0*[1-9]\d*", code.strip()))
    return isinstance(code, int | float) and not isinstance(code, bool) and code != 0
