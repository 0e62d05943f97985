"""After `python -m quickstudy.warm` no process compiles anything: users and tests wait once."""

import subprocess
import sys

import pytest

CODE = """
import sys, tempfile
from pathlib import Path
import numpy as np
from numba.core.dispatcher import Dispatcher
import quickstudy
from quickstudy.warm import warm


def compiled():
    found = set()
    for name, module in list(sys.modules.items()):
        for function in vars(module).values() if name.startswith("quickstudy.") else ():
            if isinstance(function, Dispatcher) and function.__module__ == name:
                found |= {(name, function.__name__, str(types)) for types in function.signatures}
    return found


def teach(deployment, name, records, labels):
    deployment.create(name, seed=1)
    for record, label in zip(records, labels):
        case = deployment.predict(name, record)
        deployment.feedback(case.id, label=label, source="ana", wait_learned=True)
    deployment.predict_many(name, records[:3])
    deployment.explain(case.id)


warm()
warmed = compiled()
assert len(warmed) > 30, len(warmed)
quickstudy.check_learner(quickstudy.Classifier, checks=sys.argv[1:])
rows = np.random.default_rng(0).normal(size=(30, 16))
with tempfile.TemporaryDirectory() as folder:
    with quickstudy.open(Path(folder) / "work.db") as deployment:
        numbers = range(120)
        teach(deployment, "table", [{"a": i % 4, "b": i % 5} for i in numbers], "eo" * 60)
        teach(deployment, "text", [f"a card number {i}" for i in numbers[:30]], "abc" * 10)
        teach(deployment, "vector", list(rows), [int(row[0] > 0) for row in rows])
        deployment.create_value("value", seed=1)
        for i in range(20):
            run = deployment.start("value")
            deployment.step("value", run.id, {"paid": i % 2}, action="look")
            deployment.end("value", run.id, float(i % 2))
        deployment.flush()
        deployment.state_hash("table")
print(*sorted(compiled() - warmed), sep="\\n", end="")
"""
CHECKS = "continuation", "flatness", "batches"


@pytest.mark.slow
def test_what_learners_do_day_by_day_was_compiled_before():
    """In a process of its own, where nothing else has been run."""
    run = subprocess.run([sys.executable, "-c", CODE, *CHECKS], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout == "", run.stdout
