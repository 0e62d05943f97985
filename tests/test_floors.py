"""The house stands on its floors: imports point down, files and functions stay small."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "src" / "quickstudy"
FILES = sorted(ROOT.rglob("*.py"))
# every part of the package, from the ground up; parts of one floor may import each other
FLOORS = (
    ("types", "errors"),
    ("stats",),
    ("encode", "memory", "pool", "snapshot", "adapters"),
    ("learners",),
    ("evaluate", "log", "datasets", "console", "warm"),
    ("deploy", "views"),
    (
        "cli",
        "demo",
        "serve",
        "scale",
        "client",
        "client_oversight",
        "client_runs",
        "client_transport",
    ),
)
FLOOR = {part: height for height, parts in enumerate(FLOORS) for part in parts}
PURE = ("types", "errors", "stats", "encode", "memory", "pool", "learners")
LEARNING = ("stats", "encode", "memory", "pool", "learners")
VALUES = "encode/values.py"  # what a plain label is: of all floors, and learns nothing
LIMITS = [ROOT / "deploy" / f"{name}.py" for name in ("limits", "rules")]
FORBIDDEN = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
CLOCKS = {"time", "datetime", "random", "socket", "urllib", "requests", "httpx", "logging"}
ANNOTATED = re.compile(r"lightgbm|sklearn|river|capymoa|vowpalwabbit|pandas|torch|matplotlib")


def name_of(path):
    return str(path.relative_to(ROOT))


def part_of(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def tree_of(path):
    return ast.parse(path.read_text("utf-8"), str(path))


def imports(tree):
    """Full names of all imported modules and the names taken from them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


every_file = pytest.mark.parametrize("path", FILES, ids=name_of)


def test_every_part_has_its_floor():
    parts = {part_of(path) for path in FILES} - {"__init__"}
    assert parts <= set(FLOOR), "say in FLOORS where the new part belongs"


@every_file
def test_imports_point_down(path):
    part = part_of(path)
    if part == "__init__":
        return
    for name in imports(tree_of(path)):
        if name.startswith("quickstudy."):
            other = name.split(".")[1]
            if other in FLOOR:
                assert FLOOR[other] <= FLOOR[part], f"{name_of(path)} imports {name}"


def ours(path):
    """Modules of the package that a file imports, as their own files."""
    for name in imports(tree_of(path)):
        if name.startswith("quickstudy."):
            parts = name.split(".")[1:]
            for end in range(1, len(parts) + 1):
                file = ROOT.joinpath(*parts[:end]).with_suffix(".py")
                if file.exists():
                    yield file


def test_limits_use_nothing_of_the_learner():
    """Not by way of others either: what is wrong with a learner cannot be wrong with them."""
    reached, waiting = set(), list(LIMITS)
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            waiting += ours(path)
    assert reached > set(LIMITS)
    assert not {name_of(path) for path in reached if part_of(path) in LEARNING} - {VALUES}


@pytest.mark.parametrize("path", [p for p in FILES if part_of(p) in LEARNING], ids=name_of)
def test_a_learner_knows_nothing_of_what_it_may_do(path):
    for name in imports(tree_of(path)):
        assert not re.match(r"quickstudy\.(deploy|log|serve)\b", name)
    if part_of(path) != "stats":  # which has the tests that autonomy rests on
        names = {node.id for node in ast.walk(tree_of(path)) if isinstance(node, ast.Name)}
        names |= {n.attr for n in ast.walk(tree_of(path)) if isinstance(n, ast.Attribute)}
        spoken = {word for name in names for word in name.lower().split("_")}
        assert not spoken & {"limits", "guardrails", "autonomy", "ceiling", "pause", "paused"}


@every_file
def test_nothing_that_runs_what_it_reads(path):
    tree = tree_of(path)
    found = {name.split(".")[0] for name in imports(tree)} & FORBIDDEN
    assert not found
    calls = [n.func for n in ast.walk(tree) if isinstance(n, ast.Call)]
    names = {c.id for c in calls if isinstance(c, ast.Name)}
    assert not names & {"eval", "exec", "compile", "__import__"}
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert isinstance(node.value, ast.Constant) and node.value.value is False


@pytest.mark.parametrize("path", [p for p in FILES if part_of(p) in PURE], ids=name_of)
def test_learning_keeps_no_clock_and_does_no_io(path):
    if path.name == "check.py":
        return  # the public checks take times and save to a temporary folder
    found = {name.split(".")[0] for name in imports(tree_of(path))} & CLOCKS
    assert not found
    calls = [n.func for n in ast.walk(tree_of(path)) if isinstance(n, ast.Call)]
    assert not any(isinstance(c, ast.Name) and c.id in {"open", "print", "input"} for c in calls)
    drawn = [c for c in calls if isinstance(c, ast.Attribute) and c.attr in {"seed", "RandomState"}]
    assert not drawn, "randomness comes from a Generator that is passed in"


@every_file
def test_optional_and_slow_libraries_are_imported_where_they_are_used(path):
    head = [n for n in tree_of(path).body if isinstance(n, ast.Import | ast.ImportFrom)]
    names = {name.split(".")[0] for node in head for name in imports(ast.Module([node], []))}
    assert not {name for name in names if ANNOTATED.fullmatch(name)}


@every_file
def test_a_file_has_at_most_500_lines_and_says_what_it_is_for(path):
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= 500
    assert not text.strip() or ast.get_docstring(ast.parse(text))


@every_file
def test_a_function_fits_a_screen(path):
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef):
            lines = node.end_lineno - node.lineno + 1
            assert lines <= 60, f"{node.name} has {lines} lines"


@every_file
def test_no_bare_except_and_no_plan_without_a_plan(path):
    for node in ast.walk(tree_of(path)):
        assert not (isinstance(node, ast.ExceptHandler) and node.type is None)
    assert not re.search(r"#.*\b(TODO|FIXME|XXX)\b", path.read_text("utf-8"))


def test_the_median_file_is_short():
    lengths = sorted(len(p.read_text("utf-8").splitlines()) for p in FILES if p.stat().st_size)
    assert lengths[len(lengths) // 2] <= 140
