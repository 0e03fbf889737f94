"""What a killed run left is removed by the next one, and nothing that is being written."""

import os
import signal
import subprocess
import sys
import time

import pytest

from bayesltv.files import replacing, require_writable
from bayesltv.unfinished import remove_abandoned, unfinished_file, unfinished_folder

WRITER = """
import sys, time
from pathlib import Path
from bayesltv.unfinished import unfinished_file, unfinished_folder
where = Path(sys.argv[1])
with unfinished_file(where, "s.csv") as file, unfinished_folder(where, "spill") as folder:
    file.write_text("id 17")
    (folder / "rows").write_text("id 17")
    print("there", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def writer(tmp_path):
    """A process that has begun a file and a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "there\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def names(folder):
    return sorted(each.name for each in folder.iterdir())


def test_what_lives_is_left_alone_and_what_was_killed_is_removed(tmp_path, writer):
    there = names(tmp_path)
    assert len(there) == 2
    for name in ("s.csv", "spill"):
        remove_abandoned(tmp_path, name)
    require_writable(tmp_path / "s.csv")
    assert names(tmp_path) == there
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert names(tmp_path) == there
    remove_abandoned(tmp_path, "spill")
    with replacing(tmp_path / "s.csv") as (part,):
        assert names(tmp_path) == [part.name]
    assert names(tmp_path) == ["s.csv"]


def test_only_names_of_this_very_place_are_taken_for_unfinished(tmp_path):
    mine = [".s.csv.part", ".s.csv.12345678.part.txt", ".other.csv.12345678.part", "s.csv.12345678.part"]
    for name in mine:
        (tmp_path / name).write_text("mine")
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_text("mine")
    (tmp_path / ".s.csv.abcdefgh.part").symlink_to(tmp_path / "real")
    (tmp_path / ".s.csv.87654321.part").write_text("left by a killed run")
    remove_abandoned(tmp_path, "s.csv")
    assert names(tmp_path) == sorted([*mine, "real", ".s.csv.abcdefgh.part"])
    assert (tmp_path / "real" / "file").exists()


def test_what_is_begun_is_gone_at_the_end_whatever_happens(tmp_path):
    with pytest.raises(ZeroDivisionError), unfinished_folder(tmp_path, "x") as folder:
        (folder / "a").write_text(f"{1 / 0}")
    with unfinished_file(tmp_path, "y"):
        pass
    assert names(tmp_path) == []


def test_no_descriptor_is_left_open(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with unfinished_folder(tmp_path, "x"), replacing(tmp_path / "a", tmp_path / "b"):
            pass
        remove_abandoned(tmp_path, "x")
    assert len(os.listdir("/proc/self/fd")) == before


def test_two_runs_may_begin_the_same_file_at_once(tmp_path):
    """Many begin and look for what is abandoned at the same time: nobody takes another's."""
    code = """
import sys
from pathlib import Path
from bayesltv.unfinished import unfinished_file, unfinished_folder
where = Path(sys.argv[1])
for _ in range(150):
    with unfinished_file(where, "s") as file, unfinished_folder(where, "f") as folder:
        (folder / "rows").write_text("x")
        assert file.exists() and (folder / "rows").exists()
"""
    began = time.monotonic()
    runs = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(3)]
    assert [run.wait(60) for run in runs] == [0, 0, 0]
    assert names(tmp_path) == []
    assert time.monotonic() - began < 60
