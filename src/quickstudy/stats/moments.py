"""Additive sufficient statistics of least squares, and their inverse.

For rows `x_i` with targets `y_i` and a discount `a`, after n rows:
`G = sum a^(n-i) x_i x_i'`, `C = sum a^(n-i) x_i y_i'`; they merge by `+` and are discounted by `a`.
The ridge is added without discount when the inverse `P = (G + r I)^{-1}` is refreshed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.linalg import blas, lapack
from threadpoolctl import ThreadpoolController

from quickstudy.types import Floats

_controller: ThreadpoolController | None = None
_lock = threading.Lock()
_inside = 0  # open contexts in all threads: BLAS has one number of threads per process
_before: list[int] = []  # numbers of threads outside all contexts


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Context in which BLAS uses one thread, so that sums have the same order on every machine.

    Contexts may be nested and open in several threads: each entry sets the number of threads to one
    (other libraries may have changed it), the last exit restores it.
    """
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _controller, _inside, _before
    with _lock:
        if _controller is None:
            _controller = ThreadpoolController().select(user_api="blas")
        libraries = _controller.lib_controllers
        if _inside == 0:
            _before = [library.num_threads for library in libraries]
        for library in libraries:
            _set(library, 1)
        _inside += 1


def _leave() -> None:
    global _inside
    with _lock:
        _inside -= 1
        if _inside == 0 and _controller is not None:
            for library, threads in zip(_controller.lib_controllers, _before, strict=True):
                _set(library, threads)


def _set(library: Any, threads: int) -> None:
    """Set the number of BLAS threads; works from any thread.

    threadpoolctl 3.8 lets only one thread set the number for OpenBLAS, while that thread lives, and
    silently ignores the others; `_lock` serialises our calls.
    """
    if library.num_threads != threads:
        set_it = getattr(library, "_real_set_num_threads", library.set_num_threads)
        set_it(threads)


def weighted_gram(rows: Floats, weights: Floats) -> Floats:
    """`sum_i w_i x_i x_i'` for `rows` (n, d) and `weights` (n,), exactly symmetric.

    >>> weighted_gram(np.array([[1.0, 2.0], [3.0, 0.0]]), np.array([1.0, 0.5]))
    array([[5.5, 2. ],
           [2. , 4. ]])
    """
    if rows.shape[1] == 0:
        return np.zeros((0, 0))
    scaled = rows * np.sqrt(weights)[:, None]
    with one_blas_thread():
        gram = blas.dsyrk(1.0, scaled.T, lower=1)
    return _symmetric(gram.T)


def regularised_inverse(gram: Floats, ridge: float) -> Floats:
    """`(G + r I)^{-1}` by Cholesky for a symmetric positive semi-definite `gram` (d, d), r > 0.

    >>> regularised_inverse(np.array([[2.0, 1.0], [1.0, 2.0]]), 1.0).round(4)
    array([[ 0.375, -0.125],
           [-0.125,  0.375]])
    """
    if len(gram) == 0:
        return np.zeros((0, 0))
    matrix = gram.copy()
    matrix.flat[:: len(gram) + 1] += ridge
    with one_blas_thread():
        factor, failed = lapack.dpotrf(matrix.T, lower=1, clean=0, overwrite_a=1)
        if failed:  # indefinite because of rounding: use a larger ridge
            return regularised_inverse(gram, ridge + 1e-8 * float(np.trace(gram)))
        inverse, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)
    return _symmetric(inverse.T)


def _symmetric(upper: Floats) -> Floats:
    """A C-ordered matrix whose lower triangle is copied from its upper one."""
    matrix = np.ascontiguousarray(upper)
    _mirror(matrix)
    return matrix


@njit(cache=True)
def _mirror(matrix):  # type: ignore[no-untyped-def]
    for i in range(len(matrix)):
        for j in range(i):
            matrix[i, j] = matrix[j, i]


def label_sums(rows: Floats, labels: NDArray[np.int64], weights: Floats, width: int) -> Floats:
    """`sum_i w_i x_i 1[y_i = c]`, shape (d, width): the cross moments of one-hot labels."""
    out = np.zeros((rows.shape[1], width))
    _label_sums(rows, labels, weights, out)
    return out


@njit(cache=True)
def _label_sums(rows, labels, weights, out):  # type: ignore[no-untyped-def]
    for i in range(len(rows)):
        for j in range(rows.shape[1]):
            out[j, labels[i]] += weights[i] * rows[i, j]


@njit(cache=True)
def symmetric_times(matrix, x, out):  # type: ignore[no-untyped-def]
    """`out = A x` for a symmetric A, as a sum of its rows: vectorised, in a fixed order."""
    d = len(x)
    out[:] = 0.0
    j = 0
    while j + 4 <= d:
        a, b, c, e = x[j], x[j + 1], x[j + 2], x[j + 3]
        for i in range(d):
            out[i] += (
                a * matrix[j, i]
                + b * matrix[j + 1, i]
                + c * matrix[j + 2, i]
                + e * matrix[j + 3, i]
            )
        j += 4
    while j < d:
        for i in range(d):
            out[i] += x[j] * matrix[j, i]
        j += 1


@njit(cache=True)
def downdate(P, px, k, fade):  # type: ignore[no-untyped-def]
    """`P = (P - k px px') * fade`: the inverse after one more row, px = P x (Sherman-Morrison)."""
    d = len(px)
    for a in range(d):
        gain = k * px[a]
        for b in range(d):
            P[a, b] = (P[a, b] - gain * px[b]) * fade
