"""The public models as JSON and back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar
from urllib.parse import quote

import numpy as np
from pydantic import TypeAdapter
from typing_extensions import TypedDict

from quickstudy import errors
from quickstudy.encode.values import plain_text
from quickstudy.errors import RecordError

T = TypeVar("T")
# the last part of a problem's type -> the error that it is in Python
PROBLEMS: dict[str, type[errors.QuickstudyError]] = {
    "record": errors.RecordError,
    "label": errors.LabelError,
    "data-file": errors.DataFileError,
    "not-found": errors.NotFoundError,
    "input": errors.InputError,
    "setting": errors.SettingError,
    "not-ready": errors.NotReadyError,
    "model-file": errors.ModelFileError,
    "missing-extra": errors.MissingExtraError,
    "access": errors.AccessError,
    "store": errors.StoreError,
}
PROBLEM_BASE = "https://quickstudy.dev/problems/"
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def adapter(model: Any) -> TypeAdapter[Any]:
    """What reads and writes a model, or any type made of models; made once."""
    return _adapter(model)


@cache
def envelope(**members: Any) -> Any:
    """The type of an object with these members: `envelope(asks=list[Ask])`."""
    title = "With" + "".join(name.title().replace("_", "") for name in members)
    return TypedDict(title, members)  # type: ignore[operator]


def dumps(value: Any, model: Any = None) -> bytes:
    """An instance of `model`, of its own class unless given, as JSON; not finite becomes null.

    >>> from quickstudy.api.decisions import Receipt
    >>> dumps(Receipt(7, "accepted", None, "cards", True, "learned"))[:29]
    b'{"seq":7,"status":"accepted",'
    """
    return adapter(type(value) if model is None else model).dump_json(value, warnings=False)


def dump(value: Any, model: Any = None) -> Any:
    """`dumps` as what JSON can hold."""
    return json.loads(dumps(value, model))


def to_bytes(value: Any) -> bytes:
    """JSON of plain values."""
    return _encode(value).encode("utf-8")


def load(model: type[T], value: Any) -> T:
    """An instance of `model` from what JSON holds; fields that it does not know are left out.

    >>> from quickstudy.api.decisions import Policy
    >>> load(Policy, dump(Policy(0.9, 1.5, 3.0, False)))
    Policy(threshold=0.9, log_evidence=1.5, log_bar=3.0, certified=False)
    """
    made: T = adapter(model).validate_python(value)
    return made


def load_all(model: type[T], values: Any) -> list[T]:
    """Several instances of one model."""
    return [load(model, value) for value in values]


def path_of(*parts: str) -> str:
    """A path below /v1; a name of any characters is one part of it.

    >>> path_of("learners", "a/b")
    '/v1/learners/a%2Fb'
    """
    return "/v1/" + "/".join(quote(str(plain_text(part)), safe="") for part in parts)


def outgoing(record: Any) -> Any:
    """A record as JSON can hold it: arrays become lists; nothing else is changed.

    Raises:
        RecordError: a value has no form in JSON.
    """
    if record is None or isinstance(record, str | int):
        return record
    if isinstance(record, float) and math.isfinite(record):
        return record
    if isinstance(record, np.generic | np.ndarray):
        return outgoing(record.tolist())
    if isinstance(record, Mapping):
        return {name: outgoing(v) for name, v in record.items()}
    if isinstance(record, list | tuple):
        return [outgoing(v) for v in record]
    if isinstance(record, float):
        raise RecordError(f"the record holds {record}; leave the field out or use None")
    raise RecordError(f"the record holds a {type(record).__name__}, which JSON cannot carry")


@cache
def _adapter(model: Any) -> TypeAdapter[Any]:
    return TypeAdapter(model)
