import pytest

from tests.learners.support import taught


@pytest.fixture(scope="module")
def steady():
    """A learner that the tests which use it leave as it is."""
    return taught(200)
