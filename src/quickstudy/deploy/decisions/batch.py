"""Batches of a deployment's calls: ids of records, feedback, records with their labels."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from quickstudy.api.checks import checked_name
from quickstudy.api.decisions import Feedback
from quickstudy.encode.tables import labels_of, rows_of, values_of
from quickstudy.encode.values import plain_scalar, plain_text
from quickstudy.errors import InputError

NAMES = tuple(field.name for field in fields(Feedback))


def checked_ids(ids: Any, count: int) -> list[str | None]:
    """Ids of `count` records from a list, an array or a series; a missing id is None.

    Raises:
        InputError: there are more or fewer ids, or one of them is not valid.
    """
    if ids is None:
        return [None] * count
    found = [plain_text(one) for one in values_of(ids, "ids")]
    if len(found) != count:
        raise InputError(f"there are {count} records and {len(found)} ids; one each")
    return [None if one is None or one != one else checked_name("id", one) for one in found]


def feedback_of(items: Any, *, learner: str | None = None, labels: Any = None) -> list[Feedback]:
    """The feedback of a batch, in order.

    Args:
        items: a list of `Feedback` or of dicts of its fields, or a table with columns of these
            names, in which a missing value stands for no value. With `learner` and `labels`: a
            batch of records, as `Classifier.learn_many` takes them.
        learner: the learner that learns these records; each of them counts.
        labels: the label of each record.

    Raises:
        InputError: an entry is not a feedback, or has an unknown field.

    >>> feedback_of([{"prediction_id": "p_1", "label": "refund"}])[0].label
    'refund'
    >>> [one.record for one in feedback_of(["lost card"], learner="tickets", labels=["cards"])]
    ['lost card']
    """
    if (learner is None) != (labels is None):
        raise InputError("learner and labels go together: records are taught with both")
    if labels is not None:
        return _updates(items, learner, labels)
    rows = rows_of(items, "items")
    return [row if isinstance(row, Feedback) else _feedback(row, i) for i, row in enumerate(rows)]


def _updates(records: Any, learner: str | None, labels: Any) -> list[Feedback]:
    xs, ys = rows_of(records, "items"), labels_of(labels, "labels")
    if len(xs) != len(ys):
        raise InputError(f"there are {len(xs)} items and {len(ys)} labels; one each")
    return [
        Feedback(learner=learner, record=x, label=y, key=secrets.token_hex(16))
        for x, y in zip(xs, ys, strict=True)
    ]


def _feedback(row: Any, i: int) -> Feedback:
    if not isinstance(row, Mapping):
        raise InputError(
            f"items[{i}] is a {type(row).__name__}; it must be a Feedback, or a dict of its "
            "fields. To teach records, give learner and labels too"
        )
    if unknown := [name for name in row if name not in NAMES]:
        raise InputError(
            f"items[{i}] has {unknown[0]!r:.60}, which no feedback has: {', '.join(NAMES)}. To "
            "teach records, give learner and labels too"
        )
    return Feedback(**{str(name): plain_scalar(value) for name, value in row.items()})
