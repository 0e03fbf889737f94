"""Files that come out are whole or not there."""

import os
import stat

import pytest

from bayesltv.errors import StoreError
from bayesltv.files import make_folder, replacing, require_writable


def test_a_file_appears_only_at_the_end(tmp_path):
    target = tmp_path / "a.txt"
    with replacing(target) as (part,):
        part.write_text("new")
        assert not target.exists()
        assert part.parent == tmp_path
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failure_leaves_all_earlier_files_and_no_parts(tmp_path):
    first, second = tmp_path / "a.txt", tmp_path / "b.txt"
    first.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(first, second) as (part, _):
        part.write_text(f"{1 / 0}")
    assert first.read_text() == "old"
    assert list(tmp_path.iterdir()) == [first]


def test_an_interrupt_leaves_no_parts(tmp_path):
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "a.txt"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_second_place_that_cannot_be_leaves_no_part_of_the_first(tmp_path):
    with (
        pytest.raises(StoreError, match="nope is no folder"),
        replacing(tmp_path / "a", tmp_path / "nope" / "b"),
    ):
        raise AssertionError("not reached")
    assert list(tmp_path.iterdir()) == []


def test_files_are_readable_by_whom_the_user_wants(tmp_path):
    before = os.umask(0o027)
    try:
        with replacing(tmp_path / "a.txt") as (part,):
            part.write_text("")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640


def test_looking_whether_a_file_can_be_written_leaves_no_trace(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    require_writable(tmp_path / "a.txt", tmp_path / "b.txt")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "old")]


def test_a_device_is_never_replaced_by_a_file():
    with pytest.raises(StoreError, match="/dev/full: it is a folder or a device"):
        require_writable("/dev/full")


def test_folders_are_made_with_those_above_them(tmp_path):
    assert make_folder(tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot make the folder"):
        make_folder(tmp_path / "file" / "b")
