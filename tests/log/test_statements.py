"""Rows written by one statement are the rows that are found again, however many there are."""

from contextlib import closing

import pytest
from sqlalchemy import Column, Float, Integer, LargeBinary, MetaData, String, Table, create_engine

from quickstudy.log.statements import MOST_VALUES, TableStatements

METADATA = MetaData()
WORDS = Table(
    "words",
    METADATA,
    Column("learner", Integer, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("order", String),  # a word of SQL
    Column("weight", Float),
)
NAMES = Table("names", METADATA, Column("id", String, primary_key=True), Column("n", Integer))
ROWS = [(1, b"a", "x", 0.1), (1, b"b", None, 2.5), (2, b"a", "ü'; DROP TABLE words", -0.0)]


@pytest.fixture
def cursor():
    engine = create_engine("sqlite://")
    METADATA.create_all(engine)
    with engine.connect() as connection, closing(connection.connection.cursor()) as cursor:
        yield cursor
    engine.dispose()


@pytest.fixture
def words(cursor):
    statements = TableStatements(WORDS, create_engine("sqlite://").dialect)
    statements.insert(cursor, ROWS)
    return statements


def test_rows_are_found_by_all_of_their_key(cursor, words):
    assert words.columns == ["learner", "digest", "order", "weight"]
    assert words.keys == ["learner", "digest"]
    assert words.find(cursor, [(1, b"b")]) == [ROWS[1]]
    assert sorted(words.find(cursor, [(2, b"a"), (1, b"a"), (2, b"b")])) == [ROWS[0], ROWS[2]]
    assert words.find(cursor, [(3, b"a")]) == [] == words.find(cursor, [])


def test_a_row_is_written_over_the_one_with_its_key(cursor, words):
    words.upsert(cursor, [(1, b"a", "new", 9.0), (7, b"z", "also", 1.0)])
    assert words.find(cursor, [(1, b"a"), (7, b"z")]) == [
        (1, b"a", "new", 9.0),
        (7, b"z", "also", 1.0),
    ]
    assert words.find(cursor, [(1, b"b")]) == [ROWS[1]]


def test_a_row_that_is_there_is_not_inserted_again(cursor, words):
    with pytest.raises(Exception, match="UNIQUE"):
        words.insert(cursor, [ROWS[0]])


def test_more_rows_than_one_statement_takes(cursor):
    names = TableStatements(NAMES, create_engine("sqlite://").dialect)
    rows = [(f"name {i}", i) for i in range(MOST_VALUES + 3)]
    names.insert(cursor, rows)
    assert sorted(names.find(cursor, [(name,) for name, _ in rows])) == sorted(rows)
    changed = [(name, n + 1) for name, n in rows]
    names.upsert(cursor, changed)
    assert sorted(names.find(cursor, [(name,) for name, _ in rows])) == sorted(changed)
