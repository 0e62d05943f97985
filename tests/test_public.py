"""The public face: its names, its words, and that importing it costs nothing."""

import inspect
import subprocess
import sys
import time

import pytest

import quickstudy
from quickstudy import errors
from quickstudy.types import Explanation, FieldReport, Prediction, PredictionBatch, Probabilities

NAMES = [
    "Classifier",
    "Client",
    "Costs",
    "Deployment",
    "Feedback",
    "Sizes",
    "ValueFunction",
    "check_learner",
    "connect",
    "open",
    "plot_run",
]
HEAVY = (
    *("numpy", "scipy", "numba", "lightgbm", "sklearn", "tokenizers", "matplotlib", "typer"),
    *("fastapi", "httpx", "pydantic", "sqlalchemy", "uvicorn"),
)
METHODS = [
    "check",
    "consolidate",
    "copy",
    "defer_refits",
    "explain",
    "fit_due",
    "freeze_map",
    "from_state",
    "install",
    "learn",
    "learn_many",
    "learn_not",
    "load",
    "packed",
    "predict",
    "predict_many",
    "save",
    "state",
    "hash_of",
    "state_hash",
    "test_then_train",
    "unpacked",
]
PROPERTIES = [
    "definition",
    "examples",
    "experts",
    "fields",
    "labels",
    "map_due",
    "maps",
    "refit_due",
    "size_bytes",
]


def public(cls):
    return sorted(name for name in vars(cls) if not name.startswith("_"))


def test_the_public_names_are_these():
    assert quickstudy.__all__ == NAMES
    for name in NAMES:
        assert getattr(quickstudy, name).__name__ == name


def test_other_names_are_missing_as_they_should_be():
    with pytest.raises(AttributeError, match="no attribute 'Regressor'"):
        _ = quickstudy.Regressor


def test_the_methods_of_a_classifier_are_these():
    found = [name for name in dir(quickstudy.Classifier) if not name.startswith("_")]
    assert found == sorted(METHODS + PROPERTIES)


def test_settings_are_by_keyword_and_need_no_tuning():
    parameters = inspect.signature(quickstudy.Classifier).parameters.values()
    assert [p.name for p in parameters] == ["budget_mb", "experts", "schema", "seed"]
    assert all(p.kind is p.KEYWORD_ONLY and p.default is not p.empty for p in parameters)


@pytest.mark.parametrize(
    "cls", [Prediction, PredictionBatch, Probabilities, Explanation, FieldReport]
)
def test_what_a_learner_returns_is_described(cls):
    assert len(cls.__doc__) > 40


def test_everything_public_says_what_it_does():
    learner = quickstudy.Classifier
    told = [getattr(quickstudy, name) for name in NAMES]
    told += [getattr(learner, name) for name in METHODS + PROPERTIES]
    for face in (quickstudy.Deployment, quickstudy.Client):
        told += [getattr(face, name) for name in public(face)]
    for thing in told:
        assert len(inspect.getdoc(thing) or "") > 20, thing


def test_errors_are_one_tree_of_at_most_twelve():
    found = [e for e in vars(errors).values() if inspect.isclass(e)]
    assert len(found) <= 12
    assert all(issubclass(e, errors.QuickstudyError) and e.__doc__ for e in found)
    assert all(e.__name__ in errors.__doc__ for e in found)


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def test_importing_does_no_work():
    loaded = run("import sys, quickstudy; print(*sorted(sys.modules))").stdout.split()
    assert not {name.split(".")[0] for name in loaded} & set(HEAVY)
    assert [name for name in loaded if name.startswith("quickstudy")] == ["quickstudy"]


def test_importing_takes_less_than_half_a_second():
    def seconds(code):
        start = time.perf_counter()
        run(code)
        return time.perf_counter() - start

    assert min(seconds("import quickstudy") - seconds("pass") for _ in range(3)) < 0.5


def test_the_classifier_needs_no_slow_library_before_the_slow_expert_does():
    code = "import sys; from quickstudy import Classifier; Classifier(); print(*sys.modules)"
    loaded = run(code).stdout.split()
    assert not {"lightgbm", "sklearn", "tokenizers", "matplotlib", "typer"} & set(loaded)
