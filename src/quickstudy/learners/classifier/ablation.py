"""Ablation: how much answers to remembered examples change when fields are blanked."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from quickstudy.encode.fields import Field
from quickstudy.encode.form import FormStatistics, Gap
from quickstudy.encode.record import Raw, RecordEncoder
from quickstudy.learners.classifier.mixture import Mixture
from quickstudy.types import Floats

SAMPLE = 48  # remembered examples that are answered with and without the fields
ALIKE = 16  # if at least this many have the form of the record, only these are sampled
MOST_LOOKED_AT = 2000  # remembered examples among which the sample is chosen, the latest
MOST_LOST = 0.99  # below 1, so that the most probable label stays the same
CARRIES = 0.03  # smaller changes of an answer are ignored: noise alone changes 0.01 after 400
CARRIES_SHARE = 0.2  # as are fields with less than this share of the effect of all fields


def lost(mixture: Mixture, encoder: RecordEncoder, form: FormStatistics, gap: Gap) -> float:
    """The share of an answer that is lost without the fields of a gap, 0 to 0.99.

    `d(gap)` is the total variation between the probabilities with and without these fields, on
    remembered examples that have some of them, balanced over labels. The share lost is
    `max(d(gap), d(gap) / d(all))`, where `d(all)` is the change without any field; it is 0 if both
    are so small that the answer does not depend on the fields.
    """
    if gap.present == 0:
        return MOST_LOST  # no field of the record was learned
    slots = mixture.exemplars.order()[-MOST_LOOKED_AT:]
    raw = mixture.exemplars.raw(slots)
    gone = _fields(encoder, form, gap.gone)
    chosen = _sample(
        raw, mixture.exemplars.facts(slots)[:, 0], gone, _fields(encoder, form, gap.present)
    )
    if not len(chosen):
        return 0.0
    rows, last = _rows(raw, chosen), mixture.exemplars.facts(slots)[chosen, 1]
    full = mixture.probabilities(rows, last)
    without = mixture.probabilities(_blanked(rows, gone), last)
    nothing = mixture.probabilities(_blanked(rows, encoder.fields.values()), last)
    change, most = _distance(full, without), _distance(full, nothing)
    share = change / max(most, change, 1e-9)
    if change < CARRIES and share < CARRIES_SHARE:
        return 0.0
    return min(max(change, share), MOST_LOST)


def _fields(encoder: RecordEncoder, form: FormStatistics, mask: int) -> list[Field]:
    return [encoder.fields[unit] for unit in form.units(mask) if unit in encoder.fields]


def _sample(
    raw: Raw, labels: NDArray[np.int64], gone: list[Field], present: list[Field]
) -> NDArray[np.int64]:
    """The latest rows of each label that have a missing field; of the same form if possible."""
    has = np.zeros(len(raw), dtype=bool)
    for field in gone:
        has |= _has(raw, field)
    alike = has.copy()
    for field in present:
        alike &= _has(raw, field)
    rows = np.flatnonzero(alike if alike.sum() >= ALIKE else has)[::-1]
    order = np.argsort(labels[rows], kind="stable")
    of_label = labels[rows][order]
    starts = np.flatnonzero(np.r_[True, of_label[1:] != of_label[:-1]]) if len(rows) else rows
    rank = np.arange(len(rows)) - np.repeat(starts, np.diff(np.r_[starts, len(rows)]))
    chosen: NDArray[np.int64] = rows[order][np.argsort(rank, kind="stable")][:SAMPLE]
    return chosen


def _has(raw: Raw, field: Field) -> NDArray[np.bool_]:
    if field.dense:
        return np.asarray(raw.dense[:, field.start : field.stop].any(axis=1))
    return ~np.isnan(raw.numbers[:, field.start])


def _rows(raw: Raw, rows: NDArray[np.int64]) -> Raw:
    return Raw(raw.numbers[rows], raw.dense[rows], [""] * len(rows), raw.salt[rows])


def _blanked(raw: Raw, fields: Iterable[Field]) -> Raw:
    numbers, dense = raw.numbers.copy(), raw.dense.copy()
    for field in fields:
        if field.dense:
            dense[:, field.start : field.stop] = 0.0
        else:
            numbers[:, field.start : field.stop] = np.nan
    return Raw(numbers, dense, raw.texts, raw.salt)


def _distance(p: Floats, q: Floats) -> float:
    return float(0.5 * np.abs(p - q).sum(axis=1).mean())
