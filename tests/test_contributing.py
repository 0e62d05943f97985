"""CONTRIBUTING.md names only what exists: files, folders, targets of make, names in files."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
HOUSE = re.search(r"^```\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)[1]
SPANS = re.findall(r"`([^`\n]+)`", PAGE.replace(HOUSE, ""))
PATH = re.compile(r"[\w.<>-]*/[\w./<>-]*|[\w<>-]+\.(?:py|md)|Makefile")
PATHS = {path for span in SPANS for word in span.split() for path in PATH.findall(word)}
FOLDERS = set(re.findall(r"[\w.]+/|\w+\.py", HOUSE))


def there(name):
    """A named path; of one with a `<part>` to choose, the folder that it goes into."""
    fixed = name.split("<")[0].rpartition("/")[0] if "<" in name else name
    return any((start / fixed).exists() for start in (ROOT, ROOT / "src" / "quickstudy"))


@pytest.mark.parametrize("name", sorted(PATHS - {"methods.py", "commands.py", "queries.py"}))
def test_a_path_that_is_named_exists(name):
    assert name.startswith(".venv/") or there(name)


def test_many_paths_are_named():
    assert len(PATHS) >= 40


@pytest.mark.parametrize("name", ["methods.py", "commands.py", "queries.py"])
def test_packages_of_deploy_have_the_files_that_are_named(name):
    assert list((ROOT / "src" / "quickstudy" / "deploy").glob(f"*/{name}"))


@pytest.mark.parametrize("name", sorted(FOLDERS))
def test_the_house_shows_what_is_there(name):
    """Everything in the picture exists, whether it is a floor or a package of one."""
    package = ROOT / "src" / "quickstudy"
    floors = (package, package / "deploy", package / "learners")
    assert any((floor / name).exists() for floor in floors)


def test_the_house_shows_every_package():
    package = ROOT / "src" / "quickstudy"
    packages = {path.parent.name + "/" for path in package.glob("*/__init__.py")}
    shared = {path.parent.name + "/" for path in (package / "deploy").glob("*/__init__.py")}
    assert packages | shared <= FOLDERS


@pytest.mark.parametrize("target", re.findall(r"`make (\w+)`", PAGE))
def test_make_knows_the_targets(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("Expert", "src/quickstudy/experts/base.py"),
        ("FLOOR", "src/quickstudy/experts/base.py"),
        ("DEFINITION", "src/quickstudy/learners/base.py"),
        ("EXPERTS", "tests/experts/test_base.py"),
        ("METHODS", "tests/contract/test_deployment.py"),
        ("ROUTES", "src/quickstudy/serve/app.py"),
        ("Results", "benchmarks/common.py"),
        ("claim", "benchmarks/common.py"),
        ("BENCHMARKS", "Makefile"),
        ("Kind", "src/quickstudy/deploy/kind.py"),
    ],
)
def test_a_name_stands_in_the_file_that_is_said(name, file):
    assert f"`{name}`" in PAGE
    defined = rf"^(class {name}\b|def {name}\b|{name}\b.*=)"
    assert re.search(defined, (ROOT / file).read_text("utf-8"), re.MULTILINE)
