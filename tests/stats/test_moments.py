"""Moments against plain matrix algebra: they add up, fade and invert as they should."""

import threading

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

from quickstudy.stats.moments import (
    label_sums,
    one_blas_thread,
    regularised_inverse,
    symmetric_times,
    weighted_gram,
)


def rows_of(n, dim, seed=0):
    return np.random.default_rng(seed).normal(size=(n, dim))


@pytest.mark.parametrize("dim", [0, 1, 3, 40])
def test_a_gram_is_the_sum_of_outer_products(dim):
    rows, weights = rows_of(20, dim), np.random.default_rng(1).random(20)
    brute = sum(
        (w * np.outer(x, x) for w, x in zip(weights, rows, strict=True)), np.zeros((dim,) * 2)
    )
    gram = weighted_gram(rows, weights)
    np.testing.assert_allclose(gram, brute, atol=1e-12)
    np.testing.assert_array_equal(gram, gram.T)


def test_moments_of_parts_add_up_to_those_of_the_whole():
    rows, weights, labels = rows_of(50, 6), np.ones(50), np.arange(50) % 4
    parts = [slice(0, 17), slice(17, 50)]
    gram = sum(weighted_gram(rows[p], weights[p]) for p in parts)
    sums = sum(label_sums(rows[p], labels[p], weights[p], 4) for p in parts)
    np.testing.assert_allclose(gram, weighted_gram(rows, weights), atol=1e-12)
    np.testing.assert_allclose(sums, label_sums(rows, labels, weights, 4), atol=1e-12)


def test_label_sums_are_the_sums_of_each_labels_rows():
    rows, labels = rows_of(30, 5), np.arange(30) % 3
    weights = np.random.default_rng(1).random(30)
    sums = label_sums(rows, labels, weights, 4)
    for c in range(4):
        mine = labels == c
        np.testing.assert_allclose(sums[:, c], weights[mine] @ rows[mine], atol=1e-12)


@pytest.mark.parametrize("dim", [0, 1, 5, 60])
@pytest.mark.parametrize("ridge", [1e-3, 1.0, 100.0])
def test_the_inverse_undoes_the_ridged_gram(dim, ridge):
    rows = rows_of(30, dim)
    gram = rows.T @ rows
    inverse = regularised_inverse(gram, ridge)
    np.testing.assert_allclose(inverse @ (gram + ridge * np.eye(dim)), np.eye(dim), atol=1e-8)
    np.testing.assert_array_equal(inverse, inverse.T)


def test_inverting_leaves_the_gram_as_it_was():
    gram = np.array([[2.0, 1.0], [1.0, 3.0]])
    regularised_inverse(gram, 1.0)
    assert gram.tolist() == [[2.0, 1.0], [1.0, 3.0]]


def test_a_gram_that_rounding_made_indefinite_is_still_inverted():
    gram = np.full((3, 3), 1e12)
    gram[0, 0] -= 1.0
    inverse = regularised_inverse(gram, 1e-6)
    assert np.isfinite(inverse).all() and (np.linalg.eigvalsh(inverse) > 0).all()


@pytest.mark.parametrize("dim", [1, 3, 4, 7, 64])
def test_symmetric_times_is_a_matrix_product(dim):
    rows = rows_of(dim + 2, dim)
    gram, x, out = rows.T @ rows, rows_of(1, dim, seed=1)[0], np.empty(dim)
    symmetric_times(gram, x, out)
    np.testing.assert_allclose(out, gram @ x, rtol=1e-12, atol=1e-12)


def test_blas_has_one_thread_in_whichever_thread_of_python_the_context_is_open():
    """Also after another thread, still alive, has set the number: libraries may bind it to that."""
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    before = [library.num_threads for library in libraries]
    seen = []

    def look():
        with one_blas_thread():
            seen.append([library.num_threads for library in libraries])

    with one_blas_thread():
        pass
    look()
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [[1] * len(libraries)] * 2
    assert [library.num_threads for library in libraries] == before
