"""Files as bytes, and tables read from them."""

import pytest

from quickstudy.evaluate.data.options import ReadOptions
from quickstudy.evaluate.data.table import read_table


@pytest.fixture
def write(tmp_path):
    def write(content, name="t.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


@pytest.fixture
def read(write):
    """The table of a content, with options as keywords."""

    def read(content, target="y", *, name="t.csv", encoding="utf-8", known=None, labels=(), **how):
        path = write(content, name, encoding)
        return read_table(path, target, types=known, labels=labels, options=ReadOptions(**how))

    return read


def columns_of(table):
    """Type and remark of each column, by its name."""
    return {c.name: (c.type, c.note) for c in [*table.columns, *table.left_out]}
