"""The labels that a learner knows, each with an index, in order of first appearance."""

from __future__ import annotations

from collections.abc import Iterable

from quickstudy.errors import LabelError
from quickstudy.types import Label, label_key

Key = tuple[str, Label]


class LabelIndex:
    """Labels and their indices 0..K-1.

    >>> index = LabelIndex()
    >>> index.add(index.unknown([checked_label("no"), checked_label(1), checked_label("no")]))
    >>> index.labels, index.of(checked_label(1)), index.of(checked_label(True))
    (['no', 1], 1, None)
    """

    def __init__(self, labels: Iterable[Label] = ()) -> None:
        self.labels = list(labels)
        self._index = {label_key(label): i for i, label in enumerate(self.labels)}

    def __len__(self) -> int:
        return len(self.labels)

    def of(self, key: Key) -> int | None:
        """The index of a label, None for an unknown one."""
        return self._index.get(key)

    def unknown(self, keys: Iterable[Key]) -> list[Key]:
        """The keys of labels that are not known, each once, in order."""
        return list(dict.fromkeys(key for key in keys if key not in self._index))

    def add(self, keys: Iterable[Key]) -> None:
        """Give each of these unknown labels the next index."""
        for key in keys:
            self._index[key] = len(self._index)
            self.labels.append(key[1])

    def indices(self, keys: Iterable[Key]) -> list[int]:
        """The indices of known labels."""
        return [self._index[key] for key in keys]


def checked_label(y: Label) -> Key:
    """The key of a plain label.

    Raises:
        LabelError: it is not a str, int or bool, or not valid Unicode.
    """
    if type(y) not in (str, int, bool):
        raise LabelError(f"label {y!r} is a {type(y).__name__}; use a str, an int or a bool")
    if isinstance(y, str) and not y.isascii():
        try:
            y.encode()
        except UnicodeEncodeError:
            raise LabelError(f"label {y!r} is not valid Unicode") from None
    return label_key(y)
