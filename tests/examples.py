"""How many examples a property is tried on: all in `make test-slow`, a fifth in `make test`."""

import os

import pytest
from hypothesis import settings

FEWER = 5 if os.environ.get("QUICKSTUDY_EXAMPLES") == "few" else 1


def many(most, **more):
    """A decorator for a property whose inputs are of endless variety; `more` as in `settings`."""

    def decorate(test):
        tried = settings(max_examples=most // FEWER, deadline=None, **more)
        return pytest.mark.many_examples(tried(test))

    return decorate
