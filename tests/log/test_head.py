"""The head pointer says where the log ends, and says nothing where it is damaged."""

import pytest

from quickstudy.log.head import HeadPointer

LINK = bytes(range(32))


@pytest.fixture
def pointer(tmp_path):
    pointer = HeadPointer(tmp_path / "head")
    yield pointer
    pointer.close()


def test_it_holds_the_last_event(pointer, tmp_path):
    assert pointer.read() is None
    for seq in (1, 2, 300_000):
        pointer.write(seq, LINK)
        assert HeadPointer(tmp_path / "head").read() == (seq, LINK)
    pointer.close()
    pointer.write(300_001, LINK[::-1])
    assert pointer.read() == (300_001, LINK[::-1])


@pytest.mark.parametrize("written", [1, 2, 5])
def test_a_write_that_was_cut_short_leaves_the_one_before(pointer, tmp_path, written):
    for seq in range(1, written + 1):
        pointer.write(seq, LINK)
    whole = (tmp_path / "head").read_bytes()
    pointer.write(written + 1, LINK)
    after = (tmp_path / "head").read_bytes()
    start = 48 * (written % 2)
    (tmp_path / "head").write_bytes(whole[:start] + after[start : start + 24] + whole[start + 24 :])
    assert pointer.read() == (written, LINK)
    reopened = HeadPointer(tmp_path / "head")
    reopened.write(written + 2, LINK)
    assert reopened.read() == (written + 2, LINK)
    reopened.close()


@pytest.mark.parametrize("place", range(0, 48, 5))
def test_a_flipped_bit_is_noticed(pointer, tmp_path, place):
    pointer.write(77, LINK)
    content = bytearray((tmp_path / "head").read_bytes())
    content[place] ^= 1
    (tmp_path / "head").write_bytes(bytes(content))
    assert pointer.read() is None


@pytest.mark.parametrize("size", [0, 8, 47])
def test_half_a_pointer_is_none(pointer, tmp_path, size):
    pointer.write(77, LINK)
    (tmp_path / "head").write_bytes((tmp_path / "head").read_bytes()[:size])
    assert pointer.read() is None
