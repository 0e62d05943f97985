"""The benchmarks start with the code there is: nothing else runs them when a file has moved."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "benchmarks"
WITH_OPTIONS = [p for p in sorted(FOLDER.glob("*.py")) if "ArgumentParser(" in p.read_text()]


def common():
    spec = importlib.util.spec_from_file_location("common_of_benchmarks", FOLDER / "common.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_code_of_a_result_has_a_digest():
    assert re.fullmatch("[0-9a-f]{12}", common().code_digest())


@pytest.mark.parametrize("file", WITH_OPTIONS, ids=lambda file: file.stem)
def test_a_benchmark_starts_and_says_how_it_is_used(file):
    done = subprocess.run([sys.executable, file, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: {file.name}")
