"""The house stands: files and functions stay small, learning does no I/O, words mean one thing.

Which file may import which is said by the contracts of import-linter in pyproject.toml, which
`make lint` checks.
"""

import ast
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1]
ROOT = HOME / "src" / "quickstudy"
FILES = sorted(ROOT.rglob("*.py"))
PURE = ("types", "errors", "pairs", "stats", "encode", "experts", "learners")
LEARNING = ("encode", "experts", "learners")
FORBIDDEN = {"eval", "exec", "compile", "__import__"}
ANNOTATED = re.compile(r"lightgbm|sklearn|river|capymoa|vowpalwabbit|pandas|torch|matplotlib")
MOST_LINES, MOST_FILES, MEDIAN = 450, 14, 140
# words of earlier days that have no meaning in the field, or another one
PRIVATE = re.compile(
    r"\b(desks?|duty|staff|hires?|hired|twins?|coursefold|coursefiles|coursesettings|shoots?|runrows|"
    r"runviews|steering|refold\w*|errands?|lessons?)\b",
    re.IGNORECASE,
)
# where such a word is somebody else's: data, quotes of logs, names of events that are on disk
FOREIGN = ("src/quickstudy/datasets/", "src/quickstudy/encode/static_en/", "CHANGELOG.md")
ON_DISK = {("src/quickstudy/deploy/recovery/snapshots.py", '"kind": "duty",')}  # in old snapshots


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


@pytest.mark.parametrize("path", [p for p in FILES if part_of(p) in LEARNING], ids=name_of)
def test_a_learner_knows_nothing_of_what_it_may_do(path):
    names = {node.id for node in ast.walk(tree_of(path)) if isinstance(node, ast.Name)}
    names |= {n.attr for n in ast.walk(tree_of(path)) if isinstance(n, ast.Attribute)}
    spoken = {word for name in names for word in name.lower().split("_")}
    assert not spoken & {"limits", "guardrails", "autonomy", "ceiling", "pause", "paused"}


@every_file
def test_nothing_that_runs_what_it_reads(path):
    calls = [n.func for n in ast.walk(tree_of(path)) if isinstance(n, ast.Call)]
    names = {c.id for c in calls if isinstance(c, ast.Name)}
    assert not names & FORBIDDEN
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert isinstance(node.value, ast.Constant) and node.value.value is False


@pytest.mark.parametrize("path", [p for p in FILES if part_of(p) in PURE], ids=name_of)
def test_learning_does_no_io_and_draws_from_generators_that_are_passed_in(path):
    if path.name == "check.py":
        return  # the public checks save to a temporary folder
    calls = [n.func for n in ast.walk(tree_of(path)) if isinstance(n, ast.Call)]
    assert not any(isinstance(c, ast.Name) and c.id in {"open", "print", "input"} for c in calls)
    drawn = [c for c in calls if isinstance(c, ast.Attribute) and c.attr in {"seed", "RandomState"}]
    assert not drawn


@every_file
def test_optional_and_slow_libraries_are_imported_where_they_are_used(path):
    head = [n for n in tree_of(path).body if isinstance(n, ast.Import | ast.ImportFrom)]
    names = {name.split(".")[0] for node in head for name in imports(ast.Module([node], []))}
    assert not {name for name in names if ANNOTATED.fullmatch(name)}


@every_file
def test_a_file_is_short_and_says_what_it_is_for(path):
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= MOST_LINES
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
    assert lengths[len(lengths) // 2] <= MEDIAN


def test_a_folder_holds_few_files():
    counts = Counter(path.parent for path in FILES)
    assert max(counts.values()) <= MOST_FILES


def test_no_module_is_the_plural_or_the_doing_of_another():
    """`watch` and `watching`, `shadow` and `shadows`: a reader cannot tell them apart."""
    for folder in {path.parent for path in FILES}:
        stems = {path.stem for path in folder.glob("*.py")}
        pairs = {stem for stem in stems if {f"{stem}s", f"{stem}ing"} & stems}
        assert not pairs, f"{folder.relative_to(ROOT)}: {pairs}"


def test_no_word_of_earlier_days_is_left():
    """In code, tests, docs, pages and benchmarks; words of others are not ours to change."""
    listed = ["git", "ls-files", "src", "tests", "benchmarks", "examples", "docs", "*.md"]
    names = subprocess.run(listed, cwd=HOME, capture_output=True, text=True, check=True).stdout
    found = []
    for name in names.split("\n"):
        path = HOME / name
        if not path.is_file() or name.startswith(FOREIGN) or name == "tests/test_floors.py":
            continue
        if path.suffix not in {".py", ".md", ".html", ".css", ".js", ".toml"}:
            continue
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if (hit := PRIVATE.search(line)) and (name, line.strip()) not in ON_DISK:
                found.append(f"{name}:{number}: {hit[0]}: {line.strip()[:100]}")
    assert found == []
