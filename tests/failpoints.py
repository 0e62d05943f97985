"""Failpoints of the process that a test runs in; its children get none."""

import importlib
import os

from quickstudy.log import failpoints


def arm(spec):
    """Set the trap of this process, "name:n", or none: as if it had started with the variable.

    Raises:
        SettingError: there is no place of that name, or n is no number of at least 1.
    """
    os.environ[failpoints.VARIABLE] = spec or ""
    try:
        importlib.reload(failpoints)
    finally:
        del os.environ[failpoints.VARIABLE]
