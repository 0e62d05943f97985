"""What holds for every test: its name, and where its files lie."""

import os
import shutil
from pathlib import Path

MEMORY = Path("/dev/shm")  # a file system without a disk, on Linux
ENOUGH = 2**31  # bytes free there; all tests leave some 500 MB


def pytest_make_parametrize_id(val, argname):
    """Bytes are named by their parameter: a gzip header holds the second that it was made in."""
    return argname if isinstance(val, bytes) else None


def pytest_configure(config):
    """Keep the files of tests in memory: a commit waits for the disk, 10,000 of them for minutes.

    Slow tests, those of crashes among them, write to the disk, as users do.
    """
    if "not slow" in config.option.markexpr and has_room(MEMORY):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def has_room(folder):
    return os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > ENOUGH
