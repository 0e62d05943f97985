"""The anchor says how long the log is, and says nothing where it is not whole."""

import pytest

from quickstudy.log.anchor import Anchor

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
    anchor.write(4, LINK[::-1])
    assert anchor.read() == (4, LINK[::-1])


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
