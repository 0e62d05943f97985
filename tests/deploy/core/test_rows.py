"""The book: what was put is found at once, on disk after the flush, and never if it failed."""

import pytest
from sqlalchemy import create_engine, text

from quickstudy.deploy.core.rows import MOST_KEPT, RowCache
from quickstudy.deploy.core.tables import ANNOTATORS
from quickstudy.errors import StoreError


@pytest.fixture
def connection():
    engine = create_engine("sqlite://")
    ANNOTATORS.create(engine)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def rows(connection):
    rows = RowCache((ANNOTATORS,), connection.dialect)
    rows.begin(connection.connection.cursor())
    return rows


def row(source, labels=1):
    counts = {"labels": labels, "spoke": 0, "against": 0, "first": 1.0, "last": 2.0}
    return {"learner": 1, "source": source, **counts}


def test_what_was_put_is_found_before_and_after_it_is_written(rows, connection):
    assert rows.find(ANNOTATORS, 1, "ana") is None
    rows.put(ANNOTATORS, row("ana"))
    assert rows.find(ANNOTATORS, 1, "ana") == row("ana")
    rows.flush()
    rows[ANNOTATORS].change((1, "ana"), labels=2)
    rows.flush()
    rows.forget()
    rows.begin(connection.connection.cursor())
    assert rows.find(ANNOTATORS, 1, "ana") == row("ana", 2)


def test_after_a_failure_only_what_is_on_disk_is_known(rows, connection):
    rows.put(ANNOTATORS, row("ana"))
    rows.flush()
    connection.connection.commit()
    rows[ANNOTATORS].change((1, "ana"), labels=9)
    rows.put(ANNOTATORS, row("ben"))
    rows.flush()
    connection.connection.rollback()
    rows.forget()
    rows.begin(connection.connection.cursor())
    assert rows.find(ANNOTATORS, 1, "ana") == row("ana") and rows.find(ANNOTATORS, 1, "ben") is None


def test_many_rows_are_had_by_one_look_and_few_are_kept(rows):
    for i in range(2 * MOST_KEPT):
        rows.put(ANNOTATORS, row(f"s{i}", i))
    rows.flush()
    rows.tidy()
    assert len(rows[ANNOTATORS]._rows) <= MOST_KEPT
    rows.load(ANNOTATORS, [(1, f"s{i}") for i in range(2 * MOST_KEPT)])
    assert all(rows.find(ANNOTATORS, 1, f"s{i}")["labels"] == i for i in range(2 * MOST_KEPT))


def test_a_row_that_was_altered_is_refused_each_time(rows, connection):
    rows.put(ANNOTATORS, row("ana"))
    rows.flush()
    connection.execute(text("UPDATE sources SET labels = 7"))
    for _ in range(2):
        rows.forget()
        rows.begin(connection.connection.cursor())
        with pytest.raises(StoreError, match="sources"):
            rows.find(ANNOTATORS, 1, "ana")
