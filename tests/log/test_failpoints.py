"""Failpoints kill where they are told to, and do nothing where they are not."""

import signal
import subprocess
import sys

import pytest

from quickstudy.errors import SettingError
from quickstudy.log.failpoints import failpoint
from tests.failpoints import arm

VISITS = """
from quickstudy.log.failpoints import failpoint
for name in ("before-insert", "before-commit") * 3:
    failpoint(name)
    print(name, flush=True)
"""


def visits(spec):
    env = {"QUICKSTUDY_FAILPOINT": spec} if spec else {}
    command = [sys.executable, "-c", VISITS]
    done = subprocess.run(
        command, env={"PYTHONPATH": ":".join(sys.path), **env}, capture_output=True, text=True
    )
    return done.returncode, len(done.stdout.split())


def test_it_dies_at_the_visit_it_was_told():
    assert visits("before-commit:2") == (-signal.SIGKILL, 3)
    assert visits("before-insert") == (-signal.SIGKILL, 0)
    assert visits("") == (0, 6)


@pytest.mark.parametrize(
    "spec", ["nowhere", "before-commit:0", "before-commit:x", "before-commit:-1"]
)
def test_a_place_that_is_not_there_is_refused(spec):
    with pytest.raises(SettingError, match="before-commit"):
        arm(spec)
    failpoint("before-commit")
