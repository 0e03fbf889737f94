"""A reader that has heard enough, a closed or a full output: never a bug, never a traceback."""

import os
import subprocess
import sys

import pytest

COMMAND = f"{sys.executable} -c 'from bayesltv.cli import main; main()'"
SHORT, LONG = "models list", "models show retention"


def shell(line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "PYTHONWARNINGS": "default"},
    )  # fmt: skip


def assert_no_bug(done: subprocess.CompletedProcess[str], codes: tuple[int, ...]) -> None:
    code = int(done.stdout.strip().splitlines()[-1])
    assert code in codes, (code, done.stderr)
    for text in ("Traceback", "BrokenPipeError", "this is a bug", "Exception ignored"):
        assert text not in done.stderr


@pytest.mark.parametrize("arguments", ["--help", f"{LONG} --json"])
def test_a_reader_that_closes_at_once_is_no_bug(arguments):
    """The reader is gone before the first byte, so that every write meets a closed pipe."""
    done = shell(f"exec 3>&1; {{ sleep 1; {COMMAND} {arguments}; echo $? >&3; }} | true")
    assert_no_bug(done, (141,))


@pytest.mark.parametrize("arguments", ["--help"])
def test_head_is_no_bug(arguments):
    done = shell(f"exec 3>&1; {{ {COMMAND} {arguments}; echo $? >&3; }} | head -1 >/dev/null")
    assert_no_bug(done, (0, 141))


@pytest.mark.parametrize("arguments", [SHORT])
def test_a_closed_output_is_no_bug(arguments):
    done = shell(f"exec 3>&1; {COMMAND} {arguments} 1>&-; echo $? >&3")
    assert_no_bug(done, (0,))


def test_an_output_that_is_full_is_told():
    done = shell(f"{COMMAND} {SHORT} >/dev/full; echo $?")
    assert_no_bug(done, (14,))
    assert "error: cannot write the output" in done.stderr
