"""The nouns of a deployment as JSON and back; the only place that knows their form on the wire."""

from __future__ import annotations

import json
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints
from urllib.parse import quote

import numpy as np

from quickstudy import errors
from quickstudy.encode.values import plain_text
from quickstudy.errors import RecordError
from quickstudy.types import Prediction, Probabilities, Unfamiliar

T = TypeVar("T")
# (class, field): what the members of its pairs, or triples, are called on the wire
PAIRS = {
    ("Answer", "alternatives"): ("label", "probability"),
    ("Ask", "suggestions"): ("label", "probability"),
    ("Settings", "targets"): ("label", "value"),
    ("Settings", "costs"): ("label", "value"),
    ("Report", "sources"): ("source", "labels"),
    ("Report", "experts"): ("expert", "weight"),
    ("Explanation", "fields"): ("field", "drop"),
    ("Estimate", "votes"): ("expert", "probability"),
    ("ValueReport", "experts"): ("expert", "weight"),
    ("GateReport", "baselines"): ("name", "gain"),
    ("Limits", "costs"): ("label", "cost"),
    ("LimitsReport", "hits"): ("seq", "time", "limit"),
    ("AutonomyReport", "guard_delays"): ("error", "cases"),
    ("SourceReport", "against_others"): ("spoke", "against"),
    ("SourceReport", "agreement"): ("source", "both", "agree"),
}
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
NO_VOTES = np.zeros((0, 0))


def dump(value: Any) -> Any:
    """A noun, or a list of nouns, as what JSON can hold. Numbers that are not finite become null.

    >>> from quickstudy.api.decisions import Receipt
    >>> dump(Receipt(7, "accepted", "p_1", "cards", True, "learned"))["status"]
    'accepted'
    """
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Probabilities):
        return [{"label": label, "probability": p} for label, p in value.items()]
    if is_dataclass(value):
        noun: Any = type(value)
        return {name: encode(getattr(value, name)) for name, encode in _plan(noun)}
    if isinstance(value, Mapping):
        return {name: dump(v) for name, v in value.items()}
    if isinstance(value, np.generic | np.ndarray):
        return dump(value.tolist())
    return [dump(v) for v in value]


def dumps(value: Any) -> bytes:
    """`dump` as bytes of JSON."""
    return to_bytes(dump(value))


def to_bytes(value: Any) -> bytes:
    """JSON of what `dump` made."""
    return _encode(value).encode("utf-8")


def load(cls: type[T], value: Any) -> T:
    """A noun of type `cls` from what `dump` made of it.

    >>> from quickstudy.api.decisions import Policy
    >>> load(Policy, dump(Policy(0.9, 1.5, 3.0, False)))
    Policy(threshold=0.9, log_evidence=1.5, log_bar=3.0, certified=False)
    """
    made: T = _load(cls, value)
    return made


def path_of(*parts: str) -> str:
    """A path below /v1; a name of any characters is one part of it.

    >>> path_of("learners", "a/b")
    '/v1/learners/a%2Fb'
    """
    return "/v1/" + "/".join(quote(str(plain_text(part)), safe="") for part in parts)


def load_all(cls: type[T], values: Any) -> list[T]:
    """Several nouns of one type."""
    return [load(cls, value) for value in values]


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
def hints(cls: Any) -> dict[str, Any]:
    """Name -> type of the fields of a noun that travel."""
    found = get_type_hints(cls)
    return {f.name: found[f.name] for f in fields(cls) if f.repr}


def is_single(kind: Any) -> bool:
    """Whether a type of tuples is that of one pair or triple, rather than of any number of them."""
    return get_args(kind)[-1] is not Ellipsis


@cache
def _plan(cls: Any) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    """For each field that travels: its name, and what turns its value into JSON."""
    return tuple((name, _encoder(cls, name)) for name in hints(cls))


def _encoder(cls: Any, name: str) -> Callable[[Any], Any]:
    if (cls.__name__, name) not in PAIRS:
        return dump
    names = PAIRS[cls.__name__, name]

    def one(members: Any) -> dict[str, Any]:
        return {said: dump(member) for said, member in zip(names, members, strict=True)}

    return one if is_single(hints(cls)[name]) else lambda pairs: [one(pair) for pair in pairs]


def _load(kind: Any, value: Any) -> Any:
    if is_dataclass(kind):
        return _load_noun(kind, value)
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        noun = next((part for part in inner if is_dataclass(part) or get_origin(part)), None)
        return value if value is None or noun is None else _load(noun, value)
    if origin is tuple:
        return tuple(_load(inner[0], v) for v in value)
    return float(value) if kind is float and value is not None else value


def _load_noun(cls: Any, value: Mapping[str, Any]) -> Any:
    if cls is Prediction:
        return _load_prediction(value)
    made = {}
    for name, kind in hints(cls).items():
        if name not in value:
            continue  # a server of an older version: the field's default holds
        if (names := PAIRS.get((cls.__name__, name))) is not None:
            entries = [value[name]] if is_single(kind) else value[name]
            pairs = tuple(tuple(entry[said] for said in names) for entry in entries)
            made[name] = pairs[0] if is_single(kind) else pairs
        else:
            made[name] = _load(kind, value[name])
    return cls(**made)


def _load_prediction(value: Mapping[str, Any]) -> Prediction:
    labels = [entry["label"] for entry in value["probabilities"]]
    shares = np.array([entry["probability"] for entry in value["probabilities"]], dtype=np.float64)
    return Prediction(
        label=value["label"],
        confidence=float(value["confidence"]),
        novelty=float(value["novelty"]),
        probabilities=Probabilities(labels, shares),
        votes=NO_VOTES,
        unfamiliar=_load(Unfamiliar | None, value.get("unfamiliar")),
    )
