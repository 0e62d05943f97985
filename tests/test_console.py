"""Files are written whole or not at all."""

import pytest

from quickstudy.console import check_writable, progress_bar, whole_file, write_text
from quickstudy.errors import SettingError


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(0o640)
    write_text(path, "new ünd lönger")
    assert path.read_text("utf-8") == "new ünd lönger"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), whole_file(path) as draft:
        draft.write_text("half of")
        raise RuntimeError("power cut")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_pipe_or_device_is_written_to_and_not_replaced(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_text(tmp_path / "pipe", "through")
    assert os.read(reader, 100) == b"through" and (tmp_path / "pipe").is_fifo()
    os.close(reader)


def test_places_that_cannot_be_written_are_named(tmp_path):
    check_writable(tmp_path / "fine.txt")
    for path in (tmp_path, tmp_path / "none" / "a.txt"):
        with pytest.raises(SettingError, match=str(path)):
            check_writable(path)


def test_progress_goes_to_standard_error(capsys):
    with progress_bar("learning", 30) as moved:
        for _ in range(3):
            moved(10)
    said = capsys.readouterr()
    assert said.out == "" and "learning" in said.err and "30/30" in said.err
