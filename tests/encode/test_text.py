"""Text becomes unit vectors that know meaning (the English table) and spelling (hashed n-grams)."""

import numpy as np
import pytest

from quickstudy.datasets import load_banking77
from quickstudy.encode.text import HASHED_DIM, STATIC_DIM, TextEncoder

ENCODER = TextEncoder()
TEXTS = ["where is my card", "Überweisung fehlt, warum?", "你好 世界", "top-up: 5 €", "a"]


def cosines(texts):
    rows = ENCODER.encode(texts)
    return rows @ rows.T


def hashed(texts):
    rows = ENCODER.encode(texts)[:, STATIC_DIM:].astype(float)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_texts_have_unit_length():
    rows = ENCODER.encode(TEXTS)
    assert rows.shape == (5, ENCODER.dim) and rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("empty", ["", " ", "\n\t "])
def test_a_text_without_words_is_zero(empty):
    assert (ENCODER.encode([empty]) == 0).all()


def test_a_text_does_not_depend_on_those_beside_it():
    together = ENCODER.encode(TEXTS)
    for text, row in zip(TEXTS, together, strict=True):
        np.testing.assert_array_equal(ENCODER.encode([text])[0], row)
    np.testing.assert_array_equal(ENCODER.encode(TEXTS[::-1]), together[::-1])


def test_no_texts_are_no_rows():
    assert ENCODER.encode([]).shape == (0, ENCODER.dim)


@pytest.mark.parametrize(
    "text, near, far",
    [
        ("I lost my credit card", "my bank card is missing", "what is the exchange rate"),
        ("how do I reset my password", "I forgot my passcode", "the transfer was declined"),
        ("the parcel has not arrived", "my delivery is late", "how old must I be"),
    ],
)
def test_meaning_brings_texts_together(text, near, far):
    c = cosines([text, near, far])
    assert c[0, 1] > c[0, 2] + 0.1


def test_typing_errors_keep_texts_together():
    c = hashed(["identity verification failed", "identitty verfication failed", "cash withdrawal"])
    assert c[0] @ c[1] > 0.4 > c[0] @ c[2] + 0.2


def test_capitals_and_forms_of_the_same_letter_do_not_matter_to_hashed_parts():
    rows = hashed(["Café CARD", "cafe\u0301 card", "café card"])
    np.testing.assert_allclose(rows[1:], np.tile(rows[0], (2, 1)), atol=1e-6)


def test_word_order_matters_a_little():
    c = cosines(["send money from spain to france", "send money from france to spain"])
    assert 0.9 < c[0, 1] < 0.9999


def test_unrelated_random_words_are_nearly_at_right_angles():
    """Random projection: cosines of texts without a common n-gram have a spread of 1/sqrt(512)."""
    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = ["".join(rng.choice(letters, 24)) for _ in range(120)]
    c = hashed(words)
    c = (c @ c.T)[np.triu_indices(120, 1)]
    assert abs(c.mean()) < 0.01
    assert c.std() == pytest.approx(HASHED_DIM**-0.5, rel=0.1)


def test_only_the_first_twenty_thousand_characters_count():
    long = "where is my card " * 2000
    one, other = ENCODER.encode([long[:20_000], long + "something else entirely"])
    np.testing.assert_array_equal(one, other)


def test_ten_questions_an_intent_are_enough_for_three_quarters():
    """Nearest intent by the mean of ten questions each, on the shipped bank questions."""
    texts, labels = load_banking77("train")
    test, truth = load_banking77("test")
    names, y = np.unique(labels, return_inverse=True)
    shots = [np.flatnonzero(y == c)[:10] for c in range(len(names))]
    rows = ENCODER.encode([texts[i] for found in shots for i in found])
    means = rows.reshape(len(names), 10, -1).mean(1)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    answers = names[(ENCODER.encode(test) @ means.T).argmax(1)]
    assert (answers == np.array(truth)).mean() > 0.66
