"""Gaussian classes with one shared covariance (linear discriminant analysis)."""

from __future__ import annotations

import numpy as np
from numba import njit

from quickstudy.experts.base import (
    LEFT_OUT,
    Batch,
    State,
    best_temperature,
    linear_scores,
    log_softmax,
    widened,
)
from quickstudy.stats.moments import (
    label_sums,
    one_blas_thread,
    regularised_inverse,
    symmetric_times,
    weighted_gram,
)
from quickstudy.types import Floats

REFRESH = 256  # examples between refreshes of the precision; a change changes all states
TEMPERATURES = np.geomspace(0.05, 2.0, 33)


class GaussianClasses:
    """`log p(y|x) = mu_y' A x - mu_y' A mu_y / 2 + log n_y`, A the inverse within-class covariance.

    The within-class scatter comes from additive moments, `sum x x' - sum_c n_c mu_c mu_c'`, plus an
    isotropic prior worth `prior` examples; A is refreshed at every 256th example, the means are
    updated with each. The scores are scaled by a temperature, set by exact leave-one-out.

    Args:
        view: name of the view it reads.
        prior: number of examples that the isotropic prior is worth.
        familiar: whether it adds the cosine of the nearest class mean to the familiarity.
    """

    def __init__(self, name: str, *, view: str, prior: float, familiar: bool = False) -> None:
        self.names: tuple[str, ...] = (name,)
        self.fading: tuple[bool, ...] = (False,)
        self.view = view
        self.prior = prior
        self.familiar = familiar
        self._reset(0, 1)

    def _reset(self, dim: int, labels: int) -> None:
        self._second = np.zeros((dim, dim))
        self._sums = np.zeros((dim, labels))
        self._counts = np.zeros(labels)
        self._precision = np.eye(dim)
        self._rows = np.zeros((REFRESH, dim))
        self._pending = 0
        self._slopes = np.zeros((dim, labels))
        self._offsets = np.zeros(labels)
        self._temperature = np.ones(1)

    def _cosine_width(self, batch: Batch) -> int:
        """Number of leading columns that the cosine to class means reads: all but the constant."""
        if not self.familiar:
            return 0
        scaled, read = batch.z.shape[1], len(self._sums)
        return scaled if scaled <= read else read - 1  # fewer if the view hashes them together

    def grow(self, labels: int) -> None:
        self._sums = widened(self._sums, labels)
        self._counts = widened(self._counts, labels)
        self._slopes = widened(self._slopes, labels)
        self._offsets = widened(self._offsets, labels)

    def predict(self, batch: Batch) -> Floats:
        out = np.empty((1, len(batch), batch.labels))
        _predict(
            batch.features[self.view],
            self._slopes,
            self._offsets,
            self._sums,
            self._counts,
            self._temperature[0],
            self._cosine_width(batch),
            batch.familiarity,
            batch.labels,
            out[0],
        )
        return out

    def learn(self, batch: Batch) -> Floats:
        rows = batch.features[self.view]
        out = np.empty((1, len(batch), batch.labels))
        at = 0
        while at < len(batch):
            size = min(len(batch) - at, REFRESH - self._pending)
            part = rows[at : at + size]
            _learn(
                part,
                batch.y[at : at + size],
                self._sums,
                self._counts,
                self._precision,
                self._slopes,
                self._offsets,
                self._temperature[0],
                self._cosine_width(batch),
                batch.familiarity[at : at + size],
                batch.labels,
                out[0, at : at + size],
            )
            self._rows[self._pending : self._pending + size] = part
            self._pending += size
            at += size
            if self._pending == REFRESH:
                self._second += weighted_gram(self._rows, np.ones(REFRESH))
                self._refresh()
        return out

    def _refresh(self) -> None:
        self._pending = 0
        counts = np.maximum(self._counts, 1e-300)
        means = self._sums / counts
        total = self._counts.sum()
        with one_blas_thread():
            within = self._second - (means * counts) @ means.T
        spread = self._spread(within, means, total)
        inverse = regularised_inverse((within + within.T) / 2.0, self.prior * spread)
        self._precision = inverse * (total + self.prior)
        with one_blas_thread():
            self._slopes = self._precision @ means
        self._offsets = 0.5 * (means * self._slopes).sum(0)

    def _spread(self, within: Floats, means: Floats, total: float) -> float:
        """Mean within-class variance; the first example of a class adds half the total variance."""
        if total == 0.0:
            return 1.0
        centre = means @ self._counts / total
        overall = float(np.trace(self._second)) / total - float(centre @ centre)
        first = np.count_nonzero(self._counts) * max(overall, 0.0) / 2.0
        return max((float(np.trace(within)) + first) / total / max(len(within), 1), 1e-12)

    def relearn(self, batch: Batch) -> Floats:
        rows = batch.features[self.view]
        width = self._sums.shape[1]
        self._reset(rows.shape[1], width)
        self._second = weighted_gram(rows, batch.weight)
        self._sums = label_sums(rows, batch.y, batch.weight, width)
        self._counts = np.bincount(batch.y, batch.weight, minlength=width).astype(float)
        self._refresh()
        recent = slice(max(0, len(rows) - LEFT_OUT), None)
        y = batch.y[recent]
        scores = _leave_one_out(
            rows[recent],
            y,
            batch.weight[recent],
            self._sums,
            self._counts,
            self._precision,
            self.prior,
            batch.labels,
        )
        self._temperature[0] = best_temperature(scores, y, batch.judged(), TEMPERATURES, 0.5, 1.0)
        out = np.empty((1, len(y), batch.labels))
        for i in range(len(y)):
            log_softmax(scores[i], batch.labels, self._temperature[0], out[0, i])
        return out

    def state(self) -> State:
        return {
            "second": self._second,
            "sums": self._sums,
            "counts": self._counts,
            "precision": self._precision,
            "slopes": self._slopes,
            "offsets": self._offsets,
            "rows": self._rows[: self._pending],
            "temperature": self._temperature,
        }

    def restore(self, state: State) -> None:
        self._reset(len(state["second"]), len(state["counts"]))
        for name in ("second", "sums", "counts", "precision", "slopes", "offsets", "temperature"):
            setattr(self, f"_{name}", state[name].copy())
        self._pending = len(state["rows"])
        self._rows[: self._pending] = state["rows"]


@njit(cache=True)
def _scores(x, slopes, offsets, counts, labels, s):  # type: ignore[no-untyped-def]
    linear_scores(x, slopes, labels, s)
    least = np.inf
    for c in range(labels):
        if counts[c] > 0.0:
            s[c] += np.log(counts[c] + 0.5) - offsets[c]
            least = min(least, s[c])
    for c in range(labels):
        if counts[c] <= 0.0:
            s[c] = least


@njit(cache=True)
def _nearest(x, sums, width, labels):  # type: ignore[no-untyped-def]
    """Largest cosine of the first `width` columns of x and the sum of a class."""
    dots = np.zeros(labels)
    squares = np.zeros(labels)
    length = 0.0
    for j in range(width):
        length += x[j] * x[j]
        for c in range(labels):
            dots[c] += x[j] * sums[j, c]
            squares[c] += sums[j, c] * sums[j, c]
    best = -1.0
    for c in range(labels):
        best = max(best, dots[c] / np.sqrt(max(squares[c] * length, 1e-300)))
    return best


@njit(cache=True)
def _predict(  # type: ignore[no-untyped-def]
    X, slopes, offsets, sums, counts, temperature, width, familiarity, labels, out
):
    s = np.empty(labels)
    for i in range(len(X)):
        _scores(X[i], slopes, offsets, counts, labels, s)
        log_softmax(s, labels, temperature, out[i])
        if width > 0:
            familiarity[i] += _nearest(X[i], sums, width, labels)


@njit(cache=True)
def _learn(  # type: ignore[no-untyped-def]
    X, y, sums, counts, A, slopes, offsets, temperature, width, familiarity, labels, out
):
    n, d = X.shape
    s = np.empty(labels)
    mean = np.empty(d)
    slope = np.empty(d)
    for i in range(n):
        _scores(X[i], slopes, offsets, counts, labels, s)
        log_softmax(s, labels, temperature, out[i])
        if width > 0:
            familiarity[i] += _nearest(X[i], sums, width, labels)
        c = y[i]
        counts[c] += 1.0
        for j in range(d):
            sums[j, c] += X[i, j]
            mean[j] = sums[j, c] / counts[c]
        symmetric_times(A, mean, slope)
        offset = 0.0
        for j in range(d):
            slopes[j, c] = slope[j]
            offset += mean[j] * slope[j]
        offsets[c] = 0.5 * offset


@njit(cache=True, nogil=True)
def _class_means(sums, counts, A, labels):  # type: ignore[no-untyped-def]
    """Means mu_c, slopes A mu_c and mu_c' A mu_c / 2 of the classes; 0 for empty ones."""
    d = len(A)
    means = np.zeros((labels, d))
    slopes = np.zeros((labels, d))
    half = np.zeros(labels)
    for c in range(labels):
        if counts[c] > 0.0:
            for j in range(d):
                means[c, j] = sums[j, c] / counts[c]
            symmetric_times(A, means[c], slopes[c])
            for j in range(d):
                half[c] += 0.5 * means[c, j] * slopes[c, j]
    return means, slopes, half


@njit(cache=True, nogil=True)
def _leave_one_out(X, y, weight, sums, counts, A, prior, labels):  # type: ignore[no-untyped-def]
    """Scores of each row by the model without that row.

    Removing weight w of x from class c removes `w n/(n-w) d d'`, d = x - mu_c, from the scatter,
    which is a rank-1 downdate of the precision (Sherman-Morrison), and changes the class mean.
    """
    n, d = X.shape
    out = np.empty((n, labels))
    means, slopes, half = _class_means(sums, counts, A, labels)
    scale = counts[:labels].sum() + prior
    delta = np.empty(d)
    ad = np.empty(d)
    for i in range(n):
        own = y[i]
        w = min(weight[i], counts[own])
        rest = counts[own] - w
        for j in range(d):
            delta[j] = X[i, j] - means[own, j]
        symmetric_times(A, delta, ad)
        dad = 0.0
        adx = 0.0
        for j in range(d):
            dad += delta[j] * ad[j]
            adx += ad[j] * X[i, j]
        g = w * counts[own] / rest / scale if rest > 1e-9 else 0.0
        lift = g / max(1.0 - g * dad, 1e-6)
        shrink = (scale - w) / scale
        least = np.inf
        for c in range(labels):
            if counts[c] <= 0.0 or (c == own and rest <= 1e-9):
                continue
            ax = 0.0
            adm = 0.0
            for j in range(d):
                ax += slopes[c, j] * X[i, j]
                adm += ad[j] * means[c, j]
            cross, quad, adm_x, left = ax, half[c], adm, counts[c]
            if c == own:
                t = w / rest
                cross = ax - t * adx
                quad = half[c] - t * adm + 0.5 * t * t * dad
                adm_x = adm - t * dad
                left = rest
            score = cross + lift * adm_x * adx - quad - 0.5 * lift * adm_x * adm_x
            out[i, c] = shrink * score + np.log(left + 0.5)
            least = min(least, out[i, c])
        for c in range(labels):
            if counts[c] <= 0.0 or (c == own and rest <= 1e-9):
                out[i, c] = least if least < np.inf else 0.0
    return out
