"""Questions to a bank, and queries to an assistant: short English texts with their intents."""

from __future__ import annotations

import gzip
import json
from importlib.resources import files
from typing import NamedTuple

from quickstudy.errors import SettingError


class Texts(NamedTuple):
    """Texts and their labels, one label for each text, in the authors' order."""

    texts: list[str]
    labels: list[str]


def load_banking77(split: str | None = None) -> Texts:
    """13,083 questions to a bank with 77 intents (PolyAI, CC BY 4.0, arXiv:2003.04807).

    Args:
        split: "train" (10,003 rows), "test" (3,080) or None for both, train first.

    Raises:
        SettingError: there is no such split.

    >>> texts, labels = load_banking77("train")
    >>> len(texts), texts[0], labels[0]
    (10003, 'I am still waiting on my card?', 'card_arrival')
    """
    return _load("banking77", split)


def load_clinc150(split: str | None = None) -> Texts:
    """20,700 queries with 150 intents and "oos", out of scope (Larson et al. 2019, CC BY 3.0).

    Args:
        split: "train" (15,000 rows), "test" (4,500), "oos_train" (100), "oos_val" (100),
            "oos_test" (1,000), or None for all.

    Raises:
        SettingError: there is no such split.

    >>> texts, labels = load_clinc150("oos_test")
    >>> len(texts), set(labels)
    (1000, {'oos'})
    """
    return _load("clinc150", split)


def _load(name: str, split: str | None) -> Texts:
    packed = files("quickstudy.datasets").joinpath(f"{name}.jsonl.gz").read_bytes()
    rows = [json.loads(line) for line in gzip.decompress(packed).splitlines()]
    splits = list(dict.fromkeys(row["split"] for row in rows))
    if split is not None and split not in splits:
        raise SettingError(f"split {split!r} is none of {name}'s: {', '.join(splits)}")
    kept = [row for row in rows if split in (None, row["split"])]
    return Texts([row["text"] for row in kept], [row["label"] for row in kept])
