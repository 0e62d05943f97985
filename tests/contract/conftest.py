from contextlib import ExitStack

import pytest

import quickstudy
from tests.serve.support import running


@pytest.fixture(scope="module", params=["open", "connect"])
def deployment(request, tmp_path_factory):
    """A deployment, here or behind a server."""
    with ExitStack() as stack:
        path = tmp_path_factory.mktemp("store") / "work.db"
        deployment = stack.enter_context(quickstudy.open(path))
        if request.param == "connect":
            address = stack.enter_context(running(deployment))
            yield stack.enter_context(quickstudy.connect(address))
        else:
            yield deployment
