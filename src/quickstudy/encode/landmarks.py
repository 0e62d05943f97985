"""Nystrom features of a Gaussian kernel: `phi(x) = L^{-1} k_m(x)`, with `K_mm = L L'`.

Landmarks are chosen greedily by pivoted Cholesky: each is the remembered input with the largest
residual given the earlier ones, so that adding a landmark leaves the earlier features unchanged.

References:
    Fine & Scheinberg (2001), Efficient SVM training using low-rank kernel representations, JMLR 2.
    Williams & Seeger (2001), Using the Nystrom method to speed up kernel machines, NeurIPS 13.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from quickstudy.stats.moments import one_blas_thread
from quickstudy.types import Floats

RESIDUAL = 1e-3  # stop when the residual of every input is at most this share of its norm
CANDIDATES = 1500  # inputs among which landmarks are chosen
AT_ONCE = 1024  # rows whose distances are held at once
PAIRS = 400  # inputs whose mutual distances give the median


@dataclass(frozen=True)
class Landmarks:
    """Frozen Nystrom features: `centres` (d, m), `whiten` = L^{-T} (m, m), `rate` of the kernel.

    `k(x, c) = exp(-rate |x - c|^2)`. The m features of an input have a squared norm of at most 1,
    exactly 1 for a landmark.
    """

    centres: Floats
    whiten: Floats
    rate: float

    @property
    def size(self) -> int:
        """Number of features."""
        return len(self.whiten)


def choose_landmarks(z: Floats, *, most: int, width: float, rng: np.random.Generator) -> Landmarks:
    """Choose up to `most` landmarks among the rows of `z`, shape (n, d), n >= 1.

    `rate` is `width` over the median squared distance of the rows. Of more than 1,500 rows a sample
    is drawn by `rng` first.
    """
    if len(z) > CANDIDATES:
        z = z[np.sort(rng.choice(len(z), CANDIDATES, replace=False))]
    z = np.ascontiguousarray(z)
    rate = width / _median_distance(z[:: max(1, len(z) // PAIRS)][:PAIRS])
    pivots, root = _pivoted_cholesky(z, rate, min(most, len(z)), RESIDUAL)
    lower = np.ascontiguousarray(root[:, pivots].T)
    whiten = _inverse_lower(lower).T
    return Landmarks(np.ascontiguousarray(z[pivots].T), np.ascontiguousarray(whiten), rate)


def _median_distance(z: Floats) -> float:
    distances = _pairwise(z)
    positive = distances[distances > 0]
    return float(np.median(positive)) if len(positive) else 1.0


@njit(cache=True, nogil=True)
def _pairwise(z: Floats) -> Floats:
    n, d = z.shape
    out = np.zeros(n * (n - 1) // 2)
    at = 0
    for i in range(n):
        for j in range(i):
            total = 0.0
            for k in range(d):
                total += (z[i, k] - z[j, k]) ** 2
            out[at] = total
            at += 1
    return out


@njit(cache=True, nogil=True)
def _pivoted_cholesky(z, rate, most, residual):  # type: ignore[no-untyped-def]
    """Greedy rows of the kernel matrix's Cholesky factor; `root[:, j]` belongs to `z[j]`."""
    n, d = z.shape
    zt = np.ascontiguousarray(z.T)
    left = np.ones(n)
    root = np.zeros((most, n))
    pivots = np.zeros(most, np.int64)
    used = 0
    for i in range(most):
        p = np.argmax(left)
        if left[p] < residual:
            break
        row = root[i]
        for k in range(d):
            for j in range(n):
                row[j] += (zt[k, j] - z[p, k]) ** 2
        for j in range(n):
            row[j] = np.exp(-rate * row[j])
        for h in range(i):
            share = root[h, p]
            for j in range(n):
                row[j] -= share * root[h, j]
        scale = 1.0 / np.sqrt(left[p])
        for j in range(n):
            row[j] *= scale
            left[j] = max(left[j] - row[j] * row[j], 0.0)
        left[p] = 0.0
        pivots[i] = p
        used += 1
    return pivots[:used], root[:used]


@njit(cache=True, nogil=True)
def _inverse_lower(lower):  # type: ignore[no-untyped-def]
    """Inverse of a lower triangular matrix, row by row."""
    m = lower.shape[0]
    out = np.zeros((m, m))
    for i in range(m):
        out[i, i] = 1.0
        for h in range(i):
            share = lower[i, h]
            for j in range(h + 1):
                out[i, j] -= share * out[h, j]
        for j in range(i + 1):
            out[i, j] /= lower[i, i]
    return out


def kernel_features_blas(z: Floats, marks: Landmarks, scale: float) -> Floats:
    """`scale * L^{-1} k_m(z_i)`, shape (n, m), by matrix products: fast for many rows.

    Equal to `kernel_features` up to rounding, so it is used only when examples are relearned.
    """
    out = np.empty((len(z), marks.size))
    lengths = (marks.centres**2).sum(0)
    with one_blas_thread():
        for at in range(0, len(z), AT_ONCE):
            part = z[at : at + AT_ONCE]
            distance = part @ marks.centres
            distance *= -2.0
            distance += (part**2).sum(1)[:, None] + lengths
            np.exp(-marks.rate * np.maximum(distance, 0.0), out=distance)
            distance *= scale
            out[at : at + AT_ONCE] = distance @ marks.whiten
    return out


@njit(cache=True)
def kernel_features(z, centres, whiten, rate, scale, out, offset):  # type: ignore[no-untyped-def]
    """Write `scale * L^{-1} k_m(z_i)` into `out[i, offset:]`; bits of a row depend on it alone."""
    n, d = z.shape
    m = whiten.shape[0]
    k = np.empty(m)
    row = np.empty(m)
    for i in range(n):
        k[:] = 0.0
        for a in range(d):
            za = z[i, a]
            for j in range(m):
                k[j] += (centres[a, j] - za) ** 2
        for j in range(m):
            k[j] = scale * np.exp(-rate * k[j])
        row[:] = 0.0
        j = 0
        while j + 4 <= m:
            a0, a1, a2, a3 = k[j], k[j + 1], k[j + 2], k[j + 3]
            for r in range(j, m):
                row[r] += (
                    a0 * whiten[j, r]
                    + a1 * whiten[j + 1, r]
                    + a2 * whiten[j + 2, r]
                    + a3 * whiten[j + 3, r]
                )
            j += 4
        while j < m:
            for r in range(j, m):
                row[r] += k[j] * whiten[j, r]
            j += 1
        for r in range(m):
            out[i, offset + r] = row[r]
