"""The shipped data are whole, and their licences lie beside them."""

from collections import Counter
from importlib.resources import files

import pytest

from quickstudy.datasets import load_banking77, load_clinc150
from quickstudy.errors import SettingError


def test_banking77():
    texts, labels = load_banking77()
    assert len(texts) == len(labels) == 13_083
    assert len(set(labels)) == 77
    assert len(load_banking77("test").texts) == 3_080
    assert set(Counter(load_banking77("test").labels).values()) == {40}


def test_clinc150():
    _, labels = load_clinc150()
    assert len(labels) == 20_700
    assert len(set(labels) - {"oos"}) == 150
    assert set(Counter(load_clinc150("train").labels).values()) == {100}


def test_unknown_split_is_named():
    with pytest.raises(SettingError, match="split 'dev' is none of banking77's: train, test"):
        load_banking77("dev")


@pytest.mark.parametrize("name", ["banking77", "clinc150"])
def test_attribution_ships_beside_the_data(name):
    text = files("quickstudy.datasets").joinpath(f"{name}.LICENSE.md").read_text("utf-8")
    assert "Creative Commons Attribution" in text and "https://creativecommons.org" in text
