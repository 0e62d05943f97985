"""Snapshots come back whole or not at all, and a write is seen whole or not at all."""

import hashlib
import json
import os
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from safetensors.numpy import save

from quickstudy import Classifier, snapshot
from quickstudy.errors import ModelFileError
from quickstudy.snapshot import digest, read_snapshot, write_snapshot

ARRAYS = {
    "weights": np.arange(6.0).reshape(2, 3),
    "count": np.array([7], np.int64),
    "empty": np.zeros((0, 4)),
    "flags": np.array([True, False]),
    "single": np.array([0.5, np.nan, -np.inf], np.float32),
}
PLAIN = {"labels": [1, True, "1", "ä €"], "deep": {"none": None, "big": 10**30}}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.qs"


@pytest.fixture
def written(path):
    write_snapshot(path, ARRAYS, PLAIN)
    return path


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype, name
        np.testing.assert_array_equal(found[name], array)


def test_what_was_written_is_read(written):
    arrays, plain = read_snapshot(written)
    assert_same(arrays, ARRAYS)
    assert plain == PLAIN
    assert [type(label) for label in plain["labels"]] == [int, bool, str, str]


KINDS = st.sampled_from([np.float64, np.float32, np.int64, np.int32, np.bool_, np.uint64])
ANY_ARRAY = KINDS.flatmap(lambda k: arrays_of.arrays(k, arrays_of.array_shapes(max_side=4)))
NAMES = st.text("abc/ ü", min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(NAMES, ANY_ARRAY, max_size=4))
def test_any_arrays_come_back(tmp_path_factory, arrays):
    path = tmp_path_factory.mktemp("any") / "model"
    write_snapshot(path, arrays, {})
    assert_same(read_snapshot(path)[0], arrays)


def test_arrays_in_any_memory_order_come_back(path):
    fortran = np.asfortranarray(np.arange(12.0).reshape(3, 4))
    write_snapshot(path, {"f": fortran, "part": fortran[::2, 1:]}, {})
    assert_same(read_snapshot(path)[0], {"f": fortran, "part": fortran[::2, 1:]})


def test_every_truncation_is_detected(written, path):
    whole = written.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(ModelFileError, match=r"model\.qs"):
            read_snapshot(path)


def test_every_appended_byte_is_detected(written, path):
    path.write_bytes(written.read_bytes() + b"\0")
    with pytest.raises(ModelFileError):
        read_snapshot(path)


def test_every_flipped_bit_is_detected(written, path):
    """Of the header all bits, and of the content 200 at random."""
    whole = written.read_bytes()
    rng = np.random.default_rng(0)
    header = 8 + int.from_bytes(whole[:8], "little")
    content = rng.integers(8 * header, 8 * len(whole), size=200)
    undetected = []
    for bit in [*range(8 * header), *content.tolist()]:
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            read_snapshot(path)
        except ModelFileError:
            continue
        undetected.append((bit, bytes(damaged[max(0, bit // 8 - 20) : bit // 8 + 20])))
    assert undetected == []


@pytest.mark.parametrize(
    "content", [b"", b"a", b"PK\3\4", b"{}", b"\0" * 100, pickle.dumps({"a": 1}), b"x,y\n1,2\n"]
)
def test_other_files_are_no_models(path, content):
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"model\.qs"):
        read_snapshot(path)


def test_a_foreign_safetensors_file_is_no_model(path):
    for metadata in (None, {}, {"format": "pt"}, {"quickstudy_schema": "one"}):
        path.write_bytes(save({"a": np.zeros(3)}, metadata=metadata))
        with pytest.raises(ModelFileError):
            read_snapshot(path)


def test_no_file_is_not_found(path):
    with pytest.raises(FileNotFoundError, match=r"model\.qs"):
        read_snapshot(path)
    with pytest.raises(FileNotFoundError):
        read_snapshot(path.parent)


def test_a_newer_schema_is_named(path, monkeypatch):
    monkeypatch.setattr(snapshot, "SCHEMA", 7)
    write_snapshot(path, ARRAYS, PLAIN)
    monkeypatch.undo()
    with pytest.raises(ModelFileError, match="schema version 7"):
        read_snapshot(path)


def test_another_kind_of_learner_is_named(path):
    write_snapshot(path, {}, {"kind": "regressor"})
    with pytest.raises(ModelFileError, match="regressor"):
        Classifier.load(path)


def test_a_whole_snapshot_that_is_no_classifier_is_refused(path):
    for plain in ({}, {"kind": "classifier"}, {"kind": "classifier", "labels": ["a"]}):
        write_snapshot(path, ARRAYS, plain)
        with pytest.raises(ModelFileError):
            Classifier.load(path)


def test_an_interrupted_write_leaves_the_old_model_and_nothing_else(written, monkeypatch):
    def broken(*_):
        raise OSError("no space left on device")

    for step in ("fsync", "fdopen"):
        with monkeypatch.context() as patched:
            patched.setattr(os, step, broken)
            with pytest.raises(OSError, match="no space"):
                write_snapshot(written, {"other": np.zeros(1000)}, {})
        assert_same(read_snapshot(written)[0], ARRAYS)
        assert [p.name for p in written.parent.iterdir()] == ["model.qs"]


def test_the_new_content_is_on_disk_before_it_takes_the_name(path, monkeypatch):
    done = []
    fsync, replace = os.fsync, type(path).replace

    def rename(self, target):
        done.append("replace")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", lambda handle: (done.append("fsync"), fsync(handle)))
    monkeypatch.setattr(type(path), "replace", rename)
    write_snapshot(path, ARRAYS, PLAIN)
    assert done[:2] == ["fsync", "replace"]


def test_a_second_save_replaces_the_first(written):
    write_snapshot(written, {"a": np.ones(2)}, {"n": 2})
    assert_same(read_snapshot(written)[0], {"a": np.ones(2)})
    assert [p.name for p in written.parent.iterdir()] == ["model.qs"]


def test_files_hold_json_and_numbers_only(written):
    """Anyone can read them without running what is in them."""
    whole = written.read_bytes()
    size = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + size])
    assert json.loads(header["__metadata__"]["plain"]) == PLAIN
    numbers = sum(array.nbytes for array in ARRAYS.values())
    assert len(whole) == 8 + size + numbers


@pytest.mark.parametrize(
    "arrays, plain",
    [
        ({"a": np.zeros(3)}, {}),
        ({"b": np.zeros(2)}, {}),
        ({"a": np.zeros(2, np.int64)}, {}),
        ({"a": np.zeros((1, 2))}, {}),
        ({"a": np.array([0.0, -0.0])}, {}),
        ({"a": np.zeros(2)}, {"n": 1}),
        ({"a": np.zeros(2)}, {"n": True}),
        ({"a": np.zeros(2)}, {"n": "1"}),
    ],
)
def test_different_states_have_different_digests(arrays, plain):
    others = [digest({"a": np.zeros(2)}, {}), digest({"a": np.zeros(2)}, {"n": None})]
    assert digest(arrays, plain) not in others


def test_a_digest_does_not_depend_on_order_or_memory_layout():
    square = np.arange(6.0).reshape(2, 3)
    one = digest({"a": square, "b": np.zeros(1)}, {"x": 1, "y": 2})
    two = digest({"b": np.zeros(1), "a": np.asfortranarray(square)}, {"y": 2, "x": 1})
    assert one == two
    assert len(one) == 2 * hashlib.blake2b(digest_size=16).digest_size
