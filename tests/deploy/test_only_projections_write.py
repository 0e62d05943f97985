"""By the source: only projections write rows, and only the dispatcher appends events."""

import ast
from pathlib import Path

import pytest

import quickstudy.deploy

FOLDER = Path(quickstudy.deploy.__file__).parent
FILES = sorted(FOLDER.rglob("*.py"))
WRITES = {"upsert", "change", "delete"}
WRITERS = {"projection.py", "rows.py"}
APPENDERS = {"core/dispatcher.py", "migration.py"}


def names(path):
    """Every dotted name in a file, called or not, as a tuple."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Attribute):
            yield node.lineno, dotted(node)


def dotted(node):
    """`context.rows.find` as ("context", "rows", "find"); what has no name is ""."""
    if isinstance(node, ast.Attribute):
        return (*dotted(node.value), node.attr)
    return (node.id,) if isinstance(node, ast.Name) else ("",)


def writing(path):
    return [
        (line, name)
        for line, name in names(path)
        if name[-1] in WRITES and len(name) > 1 and name[-2].strip("_") == "rows"
    ]


def appending(path):
    return [
        (line, name)
        for line, name in names(path)
        if name[-1] == "append" and len(name) > 1 and name[-2].strip("_") == "transaction"
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_only_projections_write_rows(path):
    assert path.name in WRITERS or writing(path) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_only_the_dispatcher_and_the_migration_append_events(path):
    assert str(path.relative_to(FOLDER)) in APPENDERS or appending(path) == []


def test_it_is_found_where_it_is():
    """Else the two above would pass of nothing."""
    assert len([path for path in FILES if writing(path)]) >= 5
    assert {str(path.relative_to(FOLDER)) for path in FILES if appending(path)} == APPENDERS
