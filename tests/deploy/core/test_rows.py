"""Rows: what was written is found at once, is on disk after the flush, and never if it failed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, select, text

from quickstudy.deploy.core.rows import MOST_KEPT, Rows
from quickstudy.deploy.core.tables import ANNOTATORS
from quickstudy.errors import StoreError


def nothing(seq):
    raise KeyError(seq)


@pytest.fixture
def connection():
    engine = create_engine("sqlite://")
    ANNOTATORS.create(engine)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def begun(connection):
    rows = Rows((ANNOTATORS,), connection.dialect, secret=b"", payload_of=nothing)
    rows.begin(connection, connection.connection.cursor())
    return rows


@pytest.fixture
def rows(connection):
    return begun(connection)


def row(source, labels=1):
    counts = {"labels": labels, "rated": 0, "contradicted": 0, "first": 1.0, "last": 2.0}
    return {"learner": 1, "source": source, **counts}


def test_what_was_written_is_found_before_and_after_the_flush(rows, connection):
    assert rows.find(ANNOTATORS, 1, "ana") is None
    rows.upsert(ANNOTATORS, row("ana"))
    assert rows.find(ANNOTATORS, 1, "ana") == row("ana")
    rows.flush()
    assert rows.change(ANNOTATORS, 1, "ana", labels=2) == row("ana", 2)
    rows.flush()
    assert begun(connection).find(ANNOTATORS, 1, "ana") == row("ana", 2)


def test_a_deleted_row_is_gone_before_and_after_the_flush(rows, connection):
    rows.upsert(ANNOTATORS, row("ana"))
    rows.flush()
    rows.delete(ANNOTATORS, 1, "ana")
    rows.delete(ANNOTATORS, 1, "never there")
    assert rows.find(ANNOTATORS, 1, "ana") is None
    assert rows.select(ANNOTATORS, select(ANNOTATORS)) == []
    assert begun(connection).find(ANNOTATORS, 1, "ana") is None


def test_a_query_sees_what_was_not_flushed(rows):
    rows.upsert(ANNOTATORS, row("ana", 5))
    assert rows.select(ANNOTATORS, select(ANNOTATORS)) == [row("ana", 5)]
    assert rows.scalars(ANNOTATORS, select(ANNOTATORS.c.labels)) == [5]


def test_after_a_failure_only_what_is_on_disk_is_known(rows, connection):
    rows.upsert(ANNOTATORS, row("ana"))
    rows.flush()
    connection.connection.commit()
    rows.change(ANNOTATORS, 1, "ana", labels=9)
    rows.upsert(ANNOTATORS, row("ben"))
    rows.flush()
    connection.connection.rollback()
    rows.clear()
    rows.begin(connection, connection.connection.cursor())
    assert rows.find(ANNOTATORS, 1, "ana") == row("ana") and rows.find(ANNOTATORS, 1, "ben") is None


def test_many_rows_are_read_by_one_statement_and_few_are_kept(rows):
    for i in range(2 * MOST_KEPT):
        rows.upsert(ANNOTATORS, row(f"s{i}", i))
    rows.flush()
    rows.evict()
    assert len(rows._caches[ANNOTATORS.name]._rows) <= MOST_KEPT
    rows.prefetch(ANNOTATORS, [(1, f"s{i}") for i in range(2 * MOST_KEPT)])
    assert all(rows.find(ANNOTATORS, 1, f"s{i}")["labels"] == i for i in range(2 * MOST_KEPT))


def test_a_row_that_was_altered_is_refused_each_time(rows, connection):
    rows.upsert(ANNOTATORS, row("ana"))
    rows.flush()
    connection.execute(text("UPDATE annotators SET labels = 7"))
    for _ in range(2):
        rows.clear()
        rows.begin(connection, connection.connection.cursor())
        with pytest.raises(StoreError, match="annotators"):
            rows.find(ANNOTATORS, 1, "ana")


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["upsert", "delete", "find"]), st.integers(0, 3)),
        st.tuples(st.sampled_from(["select", "flush"]), st.just(0)),
    ),
    max_size=6,
)


@settings(deadline=None)
@given(st.lists(st.tuples(STEPS, st.booleans()), max_size=6))
def test_a_command_that_is_rolled_back_leaves_nothing_behind(commands):
    """Whatever it wrote, deleted, read or had flushed: in the cache as on disk."""
    engine = create_engine("sqlite://")
    ANNOTATORS.create(engine)
    with engine.connect() as connection:
        rows, expected, number = begun(connection), {}, 0
        for steps, refused in commands:
            rows.begin_command()
            after = dict(expected)
            for what, i in steps:
                number += 1
                if what == "upsert":
                    after[i] = row(f"s{i}", number)
                    rows.upsert(ANNOTATORS, after[i])
                elif what == "delete":
                    after.pop(i, None)
                    rows.delete(ANNOTATORS, 1, f"s{i}")
                elif what == "find":
                    assert rows.find(ANNOTATORS, 1, f"s{i}") == after.get(i)
                elif what == "select":
                    found = rows.select(ANNOTATORS, select(ANNOTATORS))
                    assert {r["source"] for r in found} == {r["source"] for r in after.values()}
                else:
                    rows.scalars(ANNOTATORS, select(ANNOTATORS.c.labels))
            if refused:
                rows.rollback_command()
            else:
                rows.commit_command()
                expected = after
            for i in range(4):
                assert rows.find(ANNOTATORS, 1, f"s{i}") == expected.get(i)
        rows.flush()
        there = begun(connection).select(ANNOTATORS, select(ANNOTATORS))
        assert {r["source"]: r for r in there} == {r["source"]: r for r in expected.values()}
    engine.dispose()
