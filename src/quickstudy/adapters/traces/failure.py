"""The fields by which formats mark a call as failed or successful."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quickstudy.adapters.step import EXIT_CODES, is_failed_exit

_FLAGS = ("is_error", "isError")
_ERRORS = ("error", "error_code", "error_message", "errorMessage", "errorText", "exception")
_STATES = ("status", "state", "outcome")
_CONSENT = ("approve", "approved")
_FAILED_STATES = {
    *("error", "failed", "failure", "incomplete", "cancelled", "canceled", "denied", "rejected"),
    *("timeout", "timed_out", "expired", "aborted", "interrupted", "deadline_exceeded"),
    *("output_error", "output_denied"),
}
_FAILED_TYPES = ("error", "error-text", "error-json", "execution-denied", "timeout")
_NOTHING = ("", "none", "null", "false")


def marked(given: Any) -> bool | None:
    """Whether an object is marked as failed (True), as successful (False), or not at all (None).

    Only marks that the formats define count; a failure outweighs all other marks.

    >>> marked({"status": "failed"}), marked({"is_error": False}), marked({"status": "completed"})
    (True, False, None)
    >>> marked({"outcome": {"type": "exit", "exit_code": 2}}), marked({"return_code": 0})
    (True, False)
    >>> marked({"type": "web_search_tool_result_error", "error_code": "unavailable"})
    True
    """
    if not isinstance(given, Mapping):
        return None
    marks = {_flag(given), _exit(given), _state(given)}
    if True in marks or _error(given) or _kind(given):
        return True
    return False if False in marks else None


def _flag(given: Mapping[str, Any]) -> bool | None:
    told = [bool(given[name]) for name in _FLAGS if given.get(name) is not None]
    told += [not given[name] for name in _CONSENT if isinstance(given.get(name), bool)]
    return any(told) if told else None


def _exit(given: Mapping[str, Any]) -> bool | None:
    codes = [given[name] for name in EXIT_CODES if isinstance(given.get(name), int | float | str)]
    return any(is_failed_exit(code) for code in codes) if codes else None


def _state(given: Mapping[str, Any]) -> bool | None:
    found = {_told(given.get(name)) for name in _STATES}
    return True if True in found else False if False in found else None


def _told(state: Any) -> bool | None:
    """Whether a status, a word or an object with type and exit code, reports a failure."""
    if isinstance(state, Mapping):
        return True if _kind(state) else _exit(state)
    if not isinstance(state, str):
        return None
    word = state.lower().replace("-", "_").removeprefix("outcome_")
    return True if word in _FAILED_STATES else False if word == "ok" else None


def _error(given: Mapping[str, Any]) -> bool:
    found = [given.get(name) for name in _ERRORS]
    return any(
        one.strip().lower() not in _NOTHING if isinstance(one, str) else bool(one) for one in found
    )


def _kind(given: Mapping[str, Any]) -> bool:
    type_name = given.get("type")
    return isinstance(type_name, str) and (
        type_name in _FAILED_TYPES or type_name.endswith("_error")
    )
