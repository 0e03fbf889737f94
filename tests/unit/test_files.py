"""Files that come out are whole or not there."""

import os
import stat

import pytest

from bayesltv import files
from bayesltv.errors import StoreError
from bayesltv.files import (
    make_folder,
    refilling,
    replacing,
    require_ending,
    require_folder_name,
    require_writable,
)


def anything(name):
    return bool(name)


def fill(part, *names):
    (part / "figures").mkdir()
    for name in names:
        (part / name).write_text("new")


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


def test_a_link_is_followed_and_stays_a_link(tmp_path):
    elsewhere = tmp_path / "disk"
    elsewhere.mkdir()
    (elsewhere / "2026-11.txt").write_text("old")
    link = tmp_path / "latest.txt"
    link.symlink_to("disk/2026-11.txt")
    with replacing(link) as (part,):
        assert part.parent == elsewhere  # where it can be renamed
        part.write_text("new")
    assert link.is_symlink()
    assert (elsewhere / "2026-11.txt").read_text() == "new"
    assert [path.name for path in elsewhere.iterdir()] == ["2026-11.txt"]


def test_a_link_to_nothing_yet_makes_what_it_points_to(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with replacing(tmp_path / "link") as (part,):
        part.write_text("new")
    assert (tmp_path / "real").read_text() == "new"
    assert (tmp_path / "link").is_symlink()


def test_links_in_a_circle_are_refused(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(StoreError, match="go in a circle"):
        require_writable(tmp_path / "a")


def test_a_link_to_a_folder_is_filled_behind_the_link(tmp_path):
    (tmp_path / "plan").symlink_to(tmp_path / "plans")
    with refilling(tmp_path / "plan", marker="done", known=anything) as part:
        (part / "done").write_text("")
    assert (tmp_path / "plans" / "done").is_file()


@pytest.mark.parametrize("linked", ["a.csv", "figures"])
def test_a_link_inside_a_folder_is_refused_before_the_marker_goes(tmp_path, linked):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "done").write_text("old")
    (tmp_path / "away").mkdir()
    (tmp_path / "out" / linked).symlink_to(tmp_path / "away")
    with (
        pytest.raises(StoreError, match=f"{linked}: it is a symbolic link"),
        refilling(tmp_path / "out", marker="done", known=anything) as part,
    ):
        fill(part, "a.csv", "figures/b.png", "done")
    assert (tmp_path / "out" / "done").read_text() == "old"


def test_a_file_where_a_folder_must_be_is_refused_before_the_marker_goes(tmp_path):
    (tmp_path / "done").write_text("old")
    (tmp_path / "figures").write_text("mine")
    with (
        pytest.raises(StoreError, match="figures: something else is there"),
        refilling(tmp_path, marker="done", known=anything) as part,
    ):
        fill(part, "figures/b.png", "done")
    assert (tmp_path / "done").read_text() == "old"


def test_bytes_are_on_the_disk_before_a_name_is_and_each_name_before_the_next(tmp_path, monkeypatch):
    done = []
    real = files.Path.replace
    monkeypatch.setattr(files, "sync", lambda path: done.append(("bytes", path.suffix)))
    monkeypatch.setattr(files, "sync_folder", lambda path: done.append(("names", path.name)))

    def renamed(part, target):
        done.append(("rename", target.name))
        return real(part, target)

    monkeypatch.setattr(files.Path, "replace", renamed)
    (tmp_path / "out").mkdir()
    with replacing(tmp_path / "out" / "manifest", tmp_path / "out" / "table"):
        pass
    bytes_first = [("bytes", ".part")] * 2
    names = [("rename", "manifest"), ("names", "out"), ("rename", "table"), ("names", "out")]
    assert done == bytes_first + names


def test_a_folder_is_on_the_disk_without_its_marker_before_it_has_its_new_one(tmp_path, monkeypatch):
    seen = []
    with refilling(tmp_path, marker="done", known=anything) as part:
        (part / "done").write_text("old")
    monkeypatch.setattr(
        files,
        "sync_folder",
        lambda path: seen.append(sorted(each.name for each in path.iterdir() if each.suffix != ".part")),
    )
    with refilling(tmp_path, marker="done", known=anything) as part:
        for name in ("table", "done"):
            (part / name).write_text("new")
    assert seen == [[], ["table"], ["done", "table"]]


def test_files_of_two_runs_that_end_at_once_do_not_mix(tmp_path):
    """The one that renames keeps the other waiting until it is done."""
    import threading

    names, begun, never = [tmp_path / "manifest", tmp_path / "table"], threading.Event(), threading.Event()
    real = files.sync_folder

    def paused(folder):
        if not begun.is_set():
            begun.set()
            never.wait(0.5)  # long enough for another run to overtake
        real(folder)

    def run(text):
        with replacing(*names) as parts:
            for part in parts:
                part.write_text(text)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "sync_folder", paused)
        threads = [threading.Thread(target=run, args=(text,)) for text in ("one", "two")]
        threads[0].start()
        begun.wait(5)
        threads[1].start()
        for thread in threads:
            thread.join()
    assert [path.read_text() for path in names] == ["two", "two"]


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("r.html", True),
        ("r.HTML", True),
        ("r.htm", True),
        ("r", True),
        ("r.pdf", False),
        ("r.html.gz", False),
    ],
)
def test_an_ending_that_promises_another_format_is_refused(name, fits):
    if fits:
        assert require_ending(name, (".html", ".htm"), what="a report is written as HTML").name == name
    else:
        with pytest.raises(StoreError, match=r"written as HTML, not to .*: name it r.*\.html"):
            require_ending(name, (".html", ".htm"), what="a report is written as HTML")


def test_a_folder_is_not_called_like_a_file_unless_it_is_there(tmp_path):
    with pytest.raises(StoreError, match=r"into a folder, not to .*plan\.csv: name it .*plan$"):
        require_folder_name(tmp_path / "plan.csv", what="plans")
    (tmp_path / "plan.csv").mkdir()
    assert require_folder_name(tmp_path / "plan.csv", what="plans") == tmp_path / "plan.csv"
    assert require_folder_name(tmp_path / "2026.11", what="plans") == tmp_path / "2026.11"


def test_a_name_that_is_too_long_is_an_error_of_the_family():
    with pytest.raises(StoreError, match="File name too long"):
        require_writable("x" * 300)
