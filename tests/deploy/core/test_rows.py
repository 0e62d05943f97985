"""The book: what was put is found at once, on disk after the flush, and never if it failed."""

import pytest
from sqlalchemy import create_engine, text

from quickstudy.deploy.core.rows import MOST_KEPT, Book
from quickstudy.deploy.core.tables import SOURCES
from quickstudy.errors import StoreError


@pytest.fixture
def connection():
    engine = create_engine("sqlite://")
    SOURCES.create(engine)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def book(connection):
    book = Book((SOURCES,), connection.dialect)
    book.begin(connection.connection.cursor())
    return book


def row(source, labels=1):
    counts = {"labels": labels, "spoke": 0, "against": 0, "first": 1.0, "last": 2.0}
    return {"learner": 1, "source": source, **counts}


def test_what_was_put_is_found_before_and_after_it_is_written(book, connection):
    assert book.find(SOURCES, 1, "ana") is None
    book.put(SOURCES, row("ana"))
    assert book.find(SOURCES, 1, "ana") == row("ana")
    book.flush()
    book[SOURCES].change((1, "ana"), labels=2)
    book.flush()
    book.forget()
    book.begin(connection.connection.cursor())
    assert book.find(SOURCES, 1, "ana") == row("ana", 2)


def test_after_a_failure_only_what_is_on_disk_is_known(book, connection):
    book.put(SOURCES, row("ana"))
    book.flush()
    connection.connection.commit()
    book[SOURCES].change((1, "ana"), labels=9)
    book.put(SOURCES, row("ben"))
    book.flush()
    connection.connection.rollback()
    book.forget()
    book.begin(connection.connection.cursor())
    assert book.find(SOURCES, 1, "ana") == row("ana") and book.find(SOURCES, 1, "ben") is None


def test_many_rows_are_had_by_one_look_and_few_are_kept(book):
    for i in range(2 * MOST_KEPT):
        book.put(SOURCES, row(f"s{i}", i))
    book.flush()
    book.tidy()
    assert len(book[SOURCES]._rows) <= MOST_KEPT
    book.load(SOURCES, [(1, f"s{i}") for i in range(2 * MOST_KEPT)])
    assert all(book.find(SOURCES, 1, f"s{i}")["labels"] == i for i in range(2 * MOST_KEPT))


def test_a_row_that_was_altered_is_refused_each_time(book, connection):
    book.put(SOURCES, row("ana"))
    book.flush()
    connection.execute(text("UPDATE sources SET labels = 7"))
    for _ in range(2):
        book.forget()
        book.begin(connection.connection.cursor())
        with pytest.raises(StoreError, match="sources"):
            book.find(SOURCES, 1, "ana")
