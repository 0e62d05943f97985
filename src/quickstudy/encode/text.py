"""Text to vectors without a neural library: a static English embedding and hashed n-grams.

The static part is the unit-length mean of the vectors of its WordPiece tokens, from a table derived
from all-MiniLM-L6-v2 (see `static_en/`). The hashed part is independent of the language: character
3- to 5-grams, words and pairs of words, with sub-linear counts, each projected on random signs that
are a hash of its bytes. The cosine of two joined vectors is `0.8 cos_static + 0.2 cos_hashed`.

References:
    Reimers & Gurevych (2019), Sentence-BERT, EMNLP.
    Weinberger et al. (2009), Feature hashing for large scale multitask learning, ICML.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit, uint64
from numpy.typing import NDArray

STATIC_DIM, HASHED_DIM = 256, 512
STATIC_SHARE = 0.8  # of the cosine; the best of 0.5 to 1 on two sets of questions, a flat optimum
SIGNS = 64  # random signs per hash
MOST_CHARACTERS = 20_000
MEMO = 64  # latest texts whose vectors are cached
_TABLE = Path(__file__).parent / "static_en"
_WORD = re.compile(r"\w+|[^\w\s]")
_WORDS, _PAIRS = 101, 102  # hash seeds of words and pairs; those of n-grams are 3 to 5


class TextEncoder:
    """Encodes texts as unit-length vectors of `dim` float32 numbers; a text without words is 0.

    >>> a, b, c = TextEncoder().encode(["my card is lost", "I lost my card", "exchange rates"])
    >>> bool(a @ b > 0.5 > a @ c)
    True
    """

    dim = STATIC_DIM + HASHED_DIM

    def __init__(self) -> None:
        # a cache, not state: an input is usually learned right after it was predicted
        self._memo: dict[tuple[int, str], NDArray[np.float32]] = {}

    def encode(self, texts: list[str], *, size: int = dim) -> NDArray[np.float32]:
        """Vectors of `texts`, shape (n, size); only the first 20,000 characters of each are read.

        A smaller `size` has the first `size / 3` columns of the static part, which are its leading
        principal directions, and fewer random directions of the hashed part.
        """
        texts = [text[:MOST_CHARACTERS] for text in texts]
        if len(texts) > MEMO // 2:
            return _encoded(texts, size)
        found = self._memo  # another thread may put an empty one in its place meanwhile
        new = list(dict.fromkeys(t for t in texts if (size, t) not in found))
        if len(found) + len(new) > MEMO:
            self._memo, new = (found := {}), list(dict.fromkeys(texts))
        found |= {(size, t): v for t, v in zip(new, _encoded(new, size), strict=True)}
        rows = [found[size, t] for t in texts]
        return np.array(rows, np.float32).reshape(len(rows), size)


def _encoded(texts: list[str], size: int) -> NDArray[np.float32]:
    static = min(STATIC_DIM, size // 3)
    out = np.empty((len(texts), size), np.float32)
    out[:, :static] = np.sqrt(STATIC_SHARE) * _static(texts, static)
    out[:, static:] = np.sqrt(1.0 - STATIC_SHARE) * _hashed(texts, size - static)
    return _unit(out)


@cache
def _table() -> tuple[Any, NDArray[np.int8], NDArray[np.float32]]:
    """Tokenizer, token vectors and their scales; loaded with the first text."""
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(_TABLE / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    arrays = load_file(_TABLE / "model.safetensors")
    return tokenizer, arrays["embedding"], arrays["scale"].astype(np.float32)


def _static(texts: list[str], size: int) -> NDArray[np.float32]:
    tokenizer, embedding, scale = _table()
    out = np.zeros((len(texts), size), np.float32)
    for i, found in enumerate(tokenizer.encode_batch_fast(texts, add_special_tokens=False)):
        if found.ids:
            _sum_tokens(np.array(found.ids), embedding, scale, out[i])
    return _unit(out)


def _hashed(texts: list[str], size: int) -> NDArray[np.float32]:
    out = np.zeros((len(texts), -(-size // SIGNS) * SIGNS), np.float32)
    for i, text in enumerate(texts):
        words = _WORD.findall(unicodedata.normalize("NFKC", text).lower())
        if words:
            data = np.frombuffer(f" {' '.join(words)} ".encode(), np.uint8)
            starts = np.append(np.flatnonzero((data & 0xC0) != 0x80), len(data))
            _project(np.sort(_features(data, starts)), out[i])
    return _unit(out[:, :size])


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.sqrt((rows.astype(np.float64) ** 2).sum(1, keepdims=True))
    return np.asarray(rows / np.where(length > 0, length, 1.0), dtype=np.float32)


@njit(cache=True)
def _sum_tokens(ids, embedding, scale, out):  # type: ignore[no-untyped-def]
    for token in ids:
        for j in range(len(out)):
            out[j] += embedding[token, j] * scale[token]


@njit(cache=True)
def _mix(h):  # type: ignore[no-untyped-def]
    h = h + uint64(0x9E3779B97F4A7C15)
    h = (h ^ (h >> uint64(30))) * uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> uint64(27))) * uint64(0x94D049BB133111EB)
    return h ^ (h >> uint64(31))


@njit(cache=True)
def _hash(data, start, stop, seed):  # type: ignore[no-untyped-def]
    h = uint64(0xCBF29CE484222325) ^ uint64(seed)
    for i in range(start, stop):
        h = (h ^ uint64(data[i])) * uint64(0x100000001B3)
    return h


@njit(cache=True)
def _features(data, starts):  # type: ignore[no-untyped-def]
    """Hashes of words, word pairs, and 3- to 5-grams of words with a space at both ends."""
    count = len(starts) - 1
    space = data[starts[:count]] == 32
    out = np.empty(5 * count, np.uint64)
    n = 0
    before = uint64(0)
    word = 0
    for c in range(1, count):
        if not space[c]:
            continue
        h = _hash(data, starts[word + 1], starts[c], _WORDS)
        out[n] = h
        out[n + 1] = _mix(before ^ uint64(_PAIRS)) ^ h
        n += 2 if word > 0 else 1
        before = h
        word = c
    for size in range(3, 6):
        for c in range(count - size + 1):
            if not space[c + 1 : c + size - 1].any():
                out[n] = _hash(data, starts[c], starts[c + size], size)
                n += 1
    return out[:n]


@njit(cache=True)
def _project(keys, out):  # type: ignore[no-untyped-def]
    """Add `(1 + log count)` times the random signs of each distinct hash in the sorted `keys`."""
    at = 0
    while at < len(keys):
        stop = at
        while stop < len(keys) and keys[stop] == keys[at]:
            stop += 1
        weight = 1.0 + np.log(float(stop - at))
        h = _mix(keys[at])
        for j in range(0, len(out), 64):
            h = _mix(h)
            bits = h
            for b in range(64):
                out[j + b] += weight if bits & uint64(1) else -weight
                bits >>= uint64(1)
        at = stop
