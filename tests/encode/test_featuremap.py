"""The feature map: standard scales, gaps, categories, and no movement once it was chosen."""

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from quickstudy.encode.featuremap import LAST_LABELS, View, choose_map, map_from_state
from quickstudy.encode.record import RecordEncoder

VIEWS = {
    "kernel": View(linear=True, last=True, width=1.0, landmarks=20),
    "bare": View(linear=False, width=1.0, landmarks=10),
    "linear": View(linear=True),
}


def learned(xs, last=None, *, views=VIEWS, seed=0):
    """Encoder, raw columns and map of some records."""
    encoder = RecordEncoder()
    raw, _ = encoder.admit(encoder.parse(xs))
    found = choose_map(
        raw,
        np.full(len(xs), -1) if last is None else last,
        categories=encoder.category_columns,
        dense_fields=encoder.dense_fields,
        views=views,
        rng=np.random.default_rng(seed),
    )
    return encoder, raw, found


def records(n, seed=0):
    rng = np.random.default_rng(seed)
    kinds = np.array(["web", "shop", "phone"])[rng.integers(3, size=n)]
    a, b = rng.normal(5.0, 3.0, n), rng.exponential(size=n)
    gap = rng.random(n) < 0.3
    return [{"a": a[i], "b": None if gap[i] else b[i], "kind": str(kinds[i])} for i in range(n)]


def test_numbers_are_standardised():
    rng = np.random.default_rng(0)
    rows = rng.normal([3.0, -8.0], [10.0, 0.001], size=(200, 2))
    _, raw, found = learned([{"a": a, "b": b} for a, b in rows.tolist()])
    z = found.scaled(raw.numbers, raw.dense)
    np.testing.assert_allclose(z, StandardScaler().fit_transform(rows), atol=1e-8)


def test_a_gap_is_the_mean_and_a_column_that_says_so():
    xs = [{"a": float(i), "b": None if i % 4 == 0 else 1.0 * i} for i in range(40)]
    _, raw, found = learned(xs)
    z = found.scaled(raw.numbers, raw.dense)
    assert z.shape == (40, 3)
    gaps = np.arange(40) % 4 == 0
    assert (z[gaps, 1] == 0.0).all()
    assert z[~gaps, 1].mean() == pytest.approx(0.0, abs=1e-9)
    assert len(set(z[gaps, 2])) == len(set(z[~gaps, 2])) == 1
    assert z[gaps, 2][0] > 0 > z[~gaps, 2][0]


def test_categories_are_one_column_a_value():
    xs = [{"kind": k} for k in ("web", "shop", "web", "phone", "web", "shop")]
    encoder, raw, found = learned(xs)
    z = found.scaled(raw.numbers, raw.dense)
    assert z.shape == (6, 3)
    unknown = encoder.encode([{"kind": "fax"}])
    assert (found.scaled(unknown.numbers, unknown.dense) < 0).all()


def test_what_never_varies_is_left_out():
    _, raw, found = learned([{"a": 7.0, "b": float(i), "k": "same"} for i in range(10)])
    assert found.dim == 1
    assert found.scaled(raw.numbers, raw.dense).shape == (10, 1)


def test_far_out_is_far_out_and_no_more():
    encoder, _, found = learned([{"a": float(i)} for i in range(100)])
    raw = encoder.encode([{"a": 1e6}, {"a": 1e90}, {"a": -1e6}])
    assert found.scaled(raw.numbers, raw.dense).ravel().tolist() == [4.0, 4.0, -4.0]


@pytest.mark.parametrize("factor, shift", [(1000.0, 0.0), (1e-6, 0.0), (-3.0, 50.0)])
def test_units_do_not_matter(factor, shift):
    """Euros or cents, Celsius or Fahrenheit: the features of numbers are the same up to sign."""
    rows = np.random.default_rng(0).normal(size=(80, 2))
    made = []
    for xs in (rows, rows * factor + shift):
        _, raw, found = learned([{"a": a, "b": b} for a, b in xs.tolist()])
        z = found.scaled(raw.numbers, raw.dense)
        phi = found.features(z, np.full(80, -1))["bare"]
        made.append(phi @ phi.T)
    np.testing.assert_allclose(made[0], made[1], atol=1e-7)


def test_an_embedding_alone_keeps_its_length():
    rows = np.random.default_rng(0).normal(size=(30, 8))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    _, raw, found = learned(list(rows))
    np.testing.assert_allclose(found.scaled(raw.numbers, raw.dense), rows)


def test_beside_numbers_a_dense_field_weighs_the_same_whatever_its_length():
    rng = np.random.default_rng(0)
    for factor in (1e-3, 1.0, 1e4):
        xs = [{"a": rng.normal(), "v": factor * rng.normal(size=300)} for _ in range(200)]
        _, raw, found = learned(xs)
        z = found.scaled(raw.numbers, raw.dense)
        shares = z.var(0)
        assert shares[1:].sum() == pytest.approx(8.0 * shares[0], rel=1e-5)


def test_views_hold_what_they_say():
    xs = records(60)
    last = np.arange(60) % 3 - 1
    _, raw, found = learned(xs, last)
    z = found.scaled(raw.numbers, raw.dense)
    features = found.features(z, last)
    np.testing.assert_array_equal(features["linear"], np.c_[z, np.ones(60)])
    assert features["bare"].shape == (60, 1 + 10)
    assert features["kernel"].shape == (60, z.shape[1] + len(found.last_labels) + 1 + 20)
    other = found.features(z, np.roll(last, 1))
    np.testing.assert_array_equal(other["bare"], features["bare"])
    assert not np.array_equal(other["kernel"], features["kernel"])


def test_the_most_frequent_last_labels_get_columns():
    last = np.repeat(np.arange(30), np.arange(30, 0, -1))
    _, _, found = learned([{"a": float(i)} for i in range(len(last))], last)
    assert found.last_labels.tolist() == list(range(LAST_LABELS))


def test_once_chosen_it_does_not_move():
    """Columns that come later are not seen, and rows are mapped one by one."""
    encoder, raw, found = learned(records(50))
    before = found.scaled(raw.numbers, raw.dense)
    encoder.admit(encoder.parse([{"late": 1.0, "v": [1.0, 2.0]}] * 5))
    wide = encoder.encode(records(50))
    np.testing.assert_array_equal(found.scaled(wide.numbers, wide.dense), before)
    one = encoder.encode(records(50)[7:8])
    np.testing.assert_array_equal(found.scaled(one.numbers, one.dense)[0], before[7])


def test_its_state_is_all_of_it():
    last = np.arange(50) % 2
    _, raw, found = learned(records(50), last)
    copy = map_from_state(found.state(), VIEWS)
    z = copy.scaled(raw.numbers, raw.dense)
    np.testing.assert_array_equal(z, found.scaled(raw.numbers, raw.dense))
    one, two = found.features(z, last), copy.features(z, last)
    assert all(np.array_equal(one[name], two[name]) for name in VIEWS)


@pytest.mark.parametrize("xs", [[{"a": 1.0}], [{}], [{"a": None}], ["a text"], [{"a": 1.0}] * 9])
def test_next_to_nothing_is_enough_to_choose_one(xs):
    _, raw, found = learned(xs)
    z = found.scaled(raw.numbers, raw.dense)
    for matrix in found.features(z, np.full(len(xs), -1)).values():
        assert np.isfinite(matrix).all()
