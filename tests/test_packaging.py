"""What a fresh machine gets: pinned versions of all that is needed, and every licence."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def names(lines):
    """Package names of requirements, spelled as the index spells them."""
    heads = [re.split(r"[><=\[; ]", line)[0] for line in lines]
    return {re.sub(r"[-_.]+", "-", head).lower() for head in heads}


def pins(name):
    lines = (ROOT / name).read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_lock_pins_the_core_and_the_tools():
    assert names(PROJECT["dependencies"] + EXTRAS["dev"]) <= names(pins("requirements.lock"))


def test_peers_are_pinned_beside_the_core():
    both = pins("requirements.lock") + pins("requirements-peers.lock")
    assert names(EXTRAS["peers"]) <= names(both)
    assert len(names(both)) == len(both)


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-peers.lock"])
def test_locks_hold_versions_only(name):
    for pin in pins(name):
        assert re.fullmatch(r"[\w.-]+==[\w.]+", pin), pin


@pytest.mark.parametrize("shipped", ["banking77", "clinc150", "tau_airline", "static_en"])
def test_shipped_data_are_attributed(shipped):
    assert shipped in (ROOT / "NOTICE").read_text("utf-8")


def test_licence_is_apache():
    assert PROJECT["license"] == {"text": "Apache-2.0"}
    assert "Version 2.0, January 2004" in (ROOT / "LICENSE").read_text("utf-8")
