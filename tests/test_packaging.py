"""What a fresh machine gets: pinned versions of all that is needed, and every licence."""

import ast
import re
import subprocess
import sys
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


def imported():
    """Third-party modules that a file of `src` imports by name."""
    found = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"quickstudy"}


def test_the_core_depends_on_what_it_imports_and_on_nothing_else():
    modules = {name.replace("_", "-") for name in imported()}
    core = names(PROJECT["dependencies"])
    assert modules - core == {
        "starlette",
        "pydantic-core",
        "typing-extensions",
    }  # of fastapi, pydantic
    assert core - modules == {"httptools", "python-multipart"}  # uvicorn and starlette use them


def test_it_learns_and_answers_without_scikit_learn():
    """Lightgbm and others use it where it is; nothing that Quickstudy calls needs it."""
    code = """
import sys
sys.modules["sklearn"] = None
import quickstudy.serve.app
from quickstudy import Classifier
from quickstudy.evaluate.peers.registry import make_peer
records = [{"a": float(i % 7), "b": "xy"[i % 2]} for i in range(200)]
learner = Classifier(seed=0)
learner.learn_many(records, [record["b"] for record in records])
learner.consolidate()
assert "lightgbm" in sys.modules
peer = make_peer("lightgbm", labels=["x", "y"], fields={})
for record in records:
    peer.learn(record, record["b"])
print(learner.predict(records[1]).label, peer.predict(records[1])["y"] > 0.9)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0 and run.stdout.strip() == "y True", run.stderr


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
