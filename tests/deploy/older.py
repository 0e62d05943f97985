"""Stores that were made by an older quickstudy, of schema 1.

`store-c685e45`: a classifier that acts, with 220 labels, refits, a limit and a version promoted by
override; one of texts, without a snapshot; a value learner of six runs.

`store-40cc19e`: 400 steps of `Commands`, without snapshots: cases of every status, early feedback,
disputes, keys, an exam, limits, three promotions and a rollback, runs of every status.
"""

import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

DATA = Path(__file__).parent / "recovery" / "data"


FILES = {"c685e45": "old.db", "40cc19e": "walk.db"}


def unpack(folder, commit="c685e45"):
    """The store that a commit made, in a folder."""
    with tarfile.open(DATA / f"store-{commit}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    path = folder / FILES[commit]
    inner = path.with_name(f"{path.name}.d")
    for made in (inner, *inner.glob("learner-*")):
        made.chmod(0o700)  # no archive keeps that
    return path


def contents(path):
    """All rows of all tables, in the order of their keys, by table; read by SQLite alone."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        query = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
        names = [row["name"] for row in connection.execute(query)]
        return {name: _rows(connection, name) for name in names}


def _rows(connection, name):
    columns = list(connection.execute(f"PRAGMA table_info({name})"))
    keys = [column["name"] for column in columns if column["pk"]]
    return [
        dict(row) for row in connection.execute(f"SELECT * FROM {name} ORDER BY {', '.join(keys)}")
    ]


def schema(path):
    """The number that a store says its tables are of."""
    (value,) = [row["value"] for row in contents(path)["meta"] if row["name"] == "schema"]
    return int(value[:-8])
