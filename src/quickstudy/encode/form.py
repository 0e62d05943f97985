"""Forms of records: which sets of fields were learned, and which records deviate from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from quickstudy.encode.parsing import Parsed
from quickstudy.encode.values import blank
from quickstudy.types import Floats, Unfamiliar

ENOUGH = 30  # examples learned without a field that make its absence usual
EARLY_SHARE = 0.03  # the same as a share, for fewer than 1,000 examples
YOUNG = 20  # examples before which no record is unusual: no answer can be certified by then
RECENT_WINDOW = 2000  # examples after which the counts of recent examples are halved
MOST_FORMS = 512  # forms that are counted; with more all counts are halved
MOST_RELATED, RELATED_SHARE = 256, 0.05  # frequent fields whose co-occurrence is computed
REGULAR_SHARE = 0.5  # a field that half of the examples have is regular
NEWCOMERS_WINDOW, FEW_NEWCOMERS = 1000, 0.1  # share of recent examples with a new field
SMALL, FEW_SMALL = 0.003, 30  # share, and number, of the smallest examples that are too small
EVIDENCE = 14.0  # nats against chance, one in a million: pairs of fields are many
MOST_SIZES = 64  # records with this many known fields or more are counted together
GROWTH = 1.25  # growth of the number of examples between two evaluations of the counts
MATURE = 200  # examples after which an unusual form is put on trial
MOST_TRIALS, TRIED = 64, 20  # forms on trial; labelled examples, after a new map, that decide
TRIAL_WINDOW, ACCURACY_WINDOW = 100, 200  # examples that the two accuracies average over
WITHIN, SPREAD = 0.03, 1.64  # allowed loss of accuracy; standard deviations of tolerance
APART, OCCASIONS = 30, 6  # examples between two occasions; occasions that make a form usual
MOST_NAMED = 10  # fields named in a reason, the most frequent first
Unit = tuple[str, str]  # name and type of a field


@dataclass(frozen=True)
class Gap:
    """The known fields that an unusual record has (`present`) and lacks (`gone`), as bit masks."""

    present: int
    gone: int
    names: Unfamiliar


@dataclass
class Trial:
    """An unusual form on trial: the number of its examples, and the accuracy of their answers.

    `right` counts all of them, `tried` and `accuracy` those after the first 30; `last` is the
    number of the latest one. A new occasion begins with an example that comes at least 30 examples
    after the previous one: a failure of a source is one occasion, however long it lasts.
    """

    last: int
    occasions: int = 1
    count: int = 0
    right: int = 0
    tried: int = 0
    accuracy: float = 0.0

    def count_one(self, right: bool, now: int) -> None:
        """Count example number `now`."""
        self.occasions += now - self.last >= APART
        self.last = now
        self.count += 1
        self.right += right

    def passed(self, usual: float) -> bool:
        """Whether the form has become usual; `usual` is the accuracy on usual examples."""
        if self.occasions >= ENOUGH:
            return True
        need = min(max(usual - WITHIN, 0.0), 1.0)
        if self.occasions >= OCCASIONS and _as_good(self.right / self.count, self.count, need):
            return True
        return (
            self.count >= ENOUGH
            and self.tried >= TRIED
            and _as_good(self.accuracy, self.tried, need)
        )


def _as_good(share: float, count: int, need: float) -> bool:
    """Whether an observed share of `count` examples is consistent with the needed one."""
    spread: float = (need * (1.0 - need) / min(max(count, 1), TRIAL_WINDOW)) ** 0.5
    return share >= need - SPREAD * spread


class FormStatistics:
    """Counts which fields occur together, and finds records that lack fields which always occur.

    A form is the set of the fields, each with its type, that a record has; a field whose value is
    None or a blank string is absent. An absence is usual if enough examples were learned without
    the field, but with the fields that are present: 30, or 3 % of fewer than 1,000. A record is
    unusual

    - if it lacks a field that is always present, or always present with another of its fields;
    - if it has fewer known fields than nearly all examples had;
    - if it has a field that was rarely learned, or that the feature map does not read yet, and
      lacks a regular field that never occurred with it: this is the pattern of a renamed field. If
      new fields occur all the time, as words do, the pattern is ignored.

    Otherwise a form that was learned often enough is usual.

    From 200 examples on, an unusual form is on trial while its examples are learned: after 30 the
    feature map is chosen again, so that it reads them, and the form becomes usual once 20 more were
    answered about as accurately as usual ones. A form that occurs from time to time becomes usual
    after six occasions if it is answered about as accurately, after thirty in any case. So renamed
    fields are usual after some tens of labels and rare gaps after a few; a form that permanently
    lacks the fields that determine the answer is unusual until the learner is consolidated.

    >>> form = FormStatistics()
    >>> for _ in range(40):
    ...     form.learn([("amount", "number", 9.0), ("country", "category", "DE")])
    >>> form.gap([("Amount", "number", 9.0), ("country", "number", 4.0)]).names
    Unfamiliar(missing=('amount',), unknown=('Amount',), retyped=('country',))
    """

    def __init__(self) -> None:
        self.count = 0
        self._units: dict[Unit, int] = {}
        self._names: dict[str, int] = {}  # mask of the fields of a name
        self._seen: list[int] = []
        self._lately: list[int] = []  # the same of recent examples, halved from time to time
        self._late = 0
        self._forms: dict[int, int] = {}
        self._sizes = [0] * (MOST_SIZES + 1)  # examples by how many known fields they had
        self._newcomers = 0.0
        self._read = 0  # fields that the feature map reads; it does not read later ones
        self._required = 0
        self._regular = 0
        self._company: dict[int, int] = {}  # bit -> fields that always occur with this one
        self._due = YOUNG
        self._accuracy = 0.0  # accuracy on usual examples
        self._scored = 0
        self._trials: dict[int, Trial] = {}

    def learn(self, record: Parsed) -> None:
        """Count the form of a usual example."""
        places, form, size = self._counted(record)
        if self.count > YOUNG // 2:  # by then most fields are known
            self._sizes[min(size, MOST_SIZES)] += 1
        self._forms[form] = self._forms.get(form, 0) + 1
        if len(self._forms) > MOST_FORMS:
            self._forms = {f: n // 2 for f, n in self._forms.items() if n > 1}
        lately = self._lately
        for at in places:
            lately[at] += 1
        self._late += 1
        if self._late >= RECENT_WINDOW:
            self._late //= 2
            self._lately = [n // 2 for n in lately]
        if self.count >= self._due:
            self._read_counts()

    def score(self, right: Iterable[bool]) -> None:
        """Record whether usual examples were answered correctly before they were learned."""
        for yes in right:
            self._scored += 1
            self._accuracy += (yes - self._accuracy) / min(self._scored, ACCURACY_WINDOW)

    def try_out(self, record: Parsed, right: bool) -> bool:
        """Count the form of an unusual example; returns whether to choose a map that reads it."""
        _, form, _ = self._counted(record)
        trial = self._trials.setdefault(form, Trial(last=self.count))
        trial.count_one(right, self.count)
        if trial.count <= ENOUGH:
            trial.tried, trial.accuracy = 0, 0.0
        else:
            trial.tried += 1
            trial.accuracy += (right - trial.accuracy) / min(trial.tried, TRIAL_WINDOW)
        if form and trial.passed(self._accuracy):
            self._forms[form] = self._forms.get(form, 0) + max(trial.count, ENOUGH)
            del self._trials[form]
        elif len(self._trials) > MOST_TRIALS:
            del self._trials[min(self._trials, key=lambda f: self._trials[f].count)]
        return trial.count == ENOUGH

    def accept(self) -> None:
        """Make all forms usual that were learned often enough."""
        for form, trial in list(self._trials.items()):
            if trial.count >= ENOUGH:
                self._forms[form] = self._forms.get(form, 0) + trial.count
                del self._trials[form]

    @property
    def mature(self) -> bool:
        """Whether unusual forms are put on trial."""
        return self.count >= MATURE

    def _counted(self, record: Parsed) -> tuple[list[int], int, int]:
        """Count an example; returns its fields (bits), its form, its number of known fields."""
        form = size = 0
        places: list[int] = []
        newcomer, rare = False, enough(self.count)
        units, seen = self._units, self._seen
        for name, field_type, value in record:
            if value.__class__ is str and blank(value):
                continue
            at = units.get((name, field_type))
            if at is None:
                at = self._add(name, field_type)
            before = seen[at]
            if before < rare:
                newcomer = True
            size += before > 0
            seen[at] = before + 1
            form |= 1 << at
            places.append(at)
        self.count += 1
        self._newcomers += (newcomer - self._newcomers) / min(self.count, NEWCOMERS_WINDOW)
        return places, form, size

    def map_chosen(self) -> None:
        """Record that a feature map was chosen, which reads all fields learned so far."""
        self._read = len(self._seen)

    def gap(self, record: Parsed) -> Gap | None:
        """The unusual part of a record's form; None if it is usual. Changes nothing."""
        if self.count <= YOUNG:
            return None
        present = size = strange = 0
        new, rare = False, enough(self.count)
        units, seen, read = self._units, self._seen, self._read
        for name, field_type, value in record:
            if value.__class__ is str and blank(value):
                continue
            at = units.get((name, field_type))
            if at is None:
                new = True
                continue
            if seen[at] < rare or at >= read:
                strange |= 1 << at
            present |= 1 << at
            size += 1
        renamed = self._renamed(present, strange, new=new) if new or strange else 0
        if not renamed and self._forms.get(present, 0) >= rare:
            return None
        required = self._required
        for at in self._company:
            required |= self._company[at] if present >> at & 1 else 0
        gone = required & ~present
        smaller = sum(self._sizes[: size + 1]) if size < MOST_SIZES else self.count
        few = smaller < max(1.0, min(SMALL * self.count, FEW_SMALL))
        if not gone and not few and not renamed:
            return None
        gone |= renamed
        rest = ((1 << len(self._seen)) - 1) & ~present if few else 0
        named = gone | rest & self._regular or rest
        names = self._named(record, present, named)
        return Gap(present, gone | rest, names) if gone | rest else None

    def units(self, mask: int) -> Iterator[Unit]:
        """The fields of a mask, the most frequent first."""
        names = list(self._units)
        yield from (names[at] for at in sorted(_bits(mask), key=lambda at: -self._seen[at]))

    def _add(self, name: str, field_type: str) -> int:
        at = self._units[name, field_type] = len(self._seen)
        self._names[name] = self._names.get(name, 0) | 1 << at
        self._seen.append(0)
        self._lately.append(0)
        return at

    def _renamed(self, present: int, strange: int, *, new: bool) -> int:
        """Absent regular fields that never occurred with the strange fields of the record."""
        if self._newcomers >= FEW_NEWCOMERS:
            return 0
        gone = self._regular & ~present
        if gone and not new:
            for form in self._forms:
                gone &= ~form if form & strange else gone
        return gone

    def _named(self, record: Parsed, present: int, gone: int) -> Unfamiliar:
        here = [name for name, _, value in record if not (isinstance(value, str) and blank(value))]
        usual = {name for name in here if self._learned(present & self._names.get(name, 0))}
        gaps = dict.fromkeys(name for name, _ in self.units(gone) if name not in usual)
        unknown = [name for name in here if not self._learned(self._names.get(name, 0))]
        return Unfamiliar(
            missing=tuple(name for name in gaps if name not in here)[:MOST_NAMED],
            unknown=tuple(unknown[:MOST_NAMED]),
            retyped=tuple(name for name in gaps if name in here and name not in unknown)[
                :MOST_NAMED
            ],
        )

    def _learned(self, mask: int) -> bool:
        """Whether one of these fields was learned often enough to be known."""
        rare = enough(self.count)
        return any(self._seen[at] >= rare for at in _bits(mask))

    def _read_counts(self) -> None:
        """Compute which fields are always present, or always present with another field."""
        self._due = max(self.count + 1, int(self.count * GROWTH))
        often = [at for at, n in enumerate(self._lately) if n >= RELATED_SHARE * self._late]
        often = sorted(sorted(often, key=lambda at: -self._lately[at])[:MOST_RELATED])
        absent = self._late - np.array([self._lately[at] for at in often], dtype=float)
        self._required = _mask(often, absent < enough(self._late))
        self._regular = _mask(often, absent <= REGULAR_SHARE * self._late)
        has, counts = _matrix(list(self._forms), often), np.array(list(self._forms.values()))
        together = (has * counts[:, None]).T @ has
        self._company = {}
        for i, at in enumerate(often):
            n = together[i, i]
            alone = n - together[i]
            chance = _surprise(alone, n, absent / self._late)
            always = (alone < enough(n)) & (chance > EVIDENCE)
            if beside := _mask(often, always) & ~(self._required | 1 << at):
                self._company[at] = beside

    def state(self) -> dict[str, Any]:
        """The complete state, as JSON values."""
        return {
            "count": self.count,
            "units": [list(unit) for unit in self._units],
            "seen": self._seen,
            "lately": self._lately,
            "late": self._late,
            "forms": [[f"{form:x}", n] for form, n in self._forms.items()],
            "sizes": self._sizes,
            "newcomers": self._newcomers,
            "read": self._read,
            "required": f"{self._required:x}",
            "regular": f"{self._regular:x}",
            "company": [[at, f"{mask:x}"] for at, mask in self._company.items()],
            "due": self._due,
            "accuracy": [self._accuracy, self._scored],
            "trials": [[f"{form:x}", asdict(trial)] for form, trial in self._trials.items()],
        }

    def restore(self, state: dict[str, Any]) -> None:
        for name, field_type in state["units"]:
            self._add(name, field_type)
        self.count, self._due = state["count"], state["due"]
        self._seen, self._sizes = list(state["seen"]), list(state["sizes"])
        self._lately, self._late = list(state["lately"]), state["late"]
        self._forms = {int(form, 16): n for form, n in state["forms"]}
        self._newcomers, self._read = state["newcomers"], state["read"]
        self._required, self._regular = int(state["required"], 16), int(state["regular"], 16)
        self._company = {at: int(mask, 16) for at, mask in state["company"]}
        self._accuracy, self._scored = state["accuracy"]
        self._trials = {int(form, 16): Trial(**trial) for form, trial in state["trials"]}


def enough(count: float) -> float:
    """Number of examples, of `count`, that make their common form usual.

    >>> enough(20), enough(200), enough(5000)
    (1.0, 6.0, 30)
    """
    return max(1.0, min(EARLY_SHARE * count, ENOUGH))


def _surprise(absent: Floats, n: float, usual: Floats) -> Floats:
    """Evidence in nats against this number of absences in `n` examples at the rate `usual`.

    The Chernoff bound: `P(absent or fewer) <= exp(-n KL(absent / n || usual))`.
    """
    share, usual = absent / max(n, 1.0), np.clip(usual, 1e-9, 1.0 - 1e-9)
    with np.errstate(divide="ignore", invalid="ignore"):
        gone = np.where(share > 0.0, share * np.log(share / usual), 0.0)
        there = np.where(share < 1.0, (1.0 - share) * np.log((1.0 - share) / (1.0 - usual)), 0.0)
    return np.where(share < usual, n * (gone + there), 0.0)


def _bits(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def _mask(places: Sequence[int], which: Any) -> int:
    return sum(1 << at for at, yes in zip(places, which, strict=True) if yes)


def _matrix(forms: Sequence[int], places: Sequence[int]) -> Floats:
    return np.array([[form >> at & 1 for at in places] for form in forms], dtype=float).reshape(
        len(forms), len(places)
    )
