"""The anchor says how long the log is, and says nothing where it is not whole."""

import pytest

from quickstudy.log.head import Anchor

LINK = bytes(range(32))


@pytest.fixture
def anchor(tmp_path):
    anchor = Anchor(tmp_path / "head")
    yield anchor
    anchor.close()


def test_it_holds_the_last_event(anchor, tmp_path):
    assert anchor.read() is None
    for seq in (1, 2, 300_000):
        anchor.write(seq, LINK)
        assert Anchor(tmp_path / "head").read() == (seq, LINK)
    anchor.close()
    anchor.write(300_001, LINK[::-1])
    assert anchor.read() == (300_001, LINK[::-1])


@pytest.mark.parametrize("written", [1, 2, 5])
def test_a_write_that_was_cut_short_leaves_the_one_before(anchor, tmp_path, written):
    for seq in range(1, written + 1):
        anchor.write(seq, LINK)
    whole = (tmp_path / "head").read_bytes()
    anchor.write(written + 1, LINK)
    after = (tmp_path / "head").read_bytes()
    start = 48 * (written % 2)
    (tmp_path / "head").write_bytes(whole[:start] + after[start : start + 24] + whole[start + 24 :])
    assert anchor.read() == (written, LINK)
    reopened = Anchor(tmp_path / "head")
    reopened.write(written + 2, LINK)
    assert reopened.read() == (written + 2, LINK)
    reopened.close()


@pytest.mark.parametrize("place", range(0, 48, 5))
def test_a_flipped_bit_is_noticed(anchor, tmp_path, place):
    anchor.write(77, LINK)
    content = bytearray((tmp_path / "head").read_bytes())
    content[place] ^= 1
    (tmp_path / "head").write_bytes(bytes(content))
    assert anchor.read() is None


@pytest.mark.parametrize("size", [0, 8, 47])
def test_half_an_anchor_is_none(anchor, tmp_path, size):
    anchor.write(77, LINK)
    (tmp_path / "head").write_bytes((tmp_path / "head").read_bytes()[:size])
    assert anchor.read() is None
