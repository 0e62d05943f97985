"""Every example in the documentation of the package does what it says."""

import doctest
import importlib
import pkgutil

import pytest

import quickstudy
from quickstudy.errors import MissingExtraError

MODULES = sorted(m.name for m in pkgutil.walk_packages(quickstudy.__path__, "quickstudy."))


@pytest.mark.parametrize("name", ["quickstudy", *MODULES])
def test_examples_hold(name):
    try:
        module = importlib.import_module(name)
    except MissingExtraError as error:
        pytest.skip(str(error))
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert result.failed == 0


def test_the_public_names_come_with_examples():
    finder = doctest.DocTestFinder(recurse=False)
    for name in quickstudy.__all__:
        thing = getattr(quickstudy, name)
        module = importlib.import_module(thing.__module__)
        assert ">>>" in (thing.__doc__ or "") + (module.__doc__ or ""), finder
