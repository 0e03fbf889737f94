"""Where compiled kernels are kept: beside the package, at home, in a private folder, or nowhere."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bayesltv
from bayesltv.numerics import compile as c

KERNEL = """
import sys
sys.dont_write_bytecode = True
import pwd
def nobody(uid):
    raise KeyError(uid)
pwd.getpwuid = nobody
import numpy as np
import bayesltv.numerics
from bayesltv.numerics import compile as c
@c.compiled
def double(x):
    return 2 * x
assert double(21.0) == 42.0
from pathlib import Path
print(c.cache_folder(str(Path(bayesltv.numerics.__file__).parent)))
print(bayesltv.numerics.__file__)
"""


@pytest.fixture
def read_only(tmp_path):
    """A copy of the package whose kernels cannot be cached beside it, whoever runs the test."""
    source = Path(bayesltv.__file__).parent
    copy = tmp_path / "site" / "bayesltv"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "numerics" / "__pycache__").write_text(
        "a file where a folder should be: nobody can write into it"
    )
    return copy.parent


def run(code, folder, **environment):
    kept = {k: v for k, v in os.environ.items() if k not in ("HOME", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**kept, "PYTHONPATH": str(folder), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


def test_a_user_without_home_and_a_read_only_package_get_a_private_cache(read_only, tmp_path):
    place, where = run(KERNEL, read_only, TMPDIR=str(tmp_path))
    assert where.startswith(str(read_only))
    assert Path(place).parent == tmp_path
    assert Path(place).stat().st_mode & 0o777 == 0o700
    assert not (read_only / "~").exists()  # where numba would go by itself


def test_without_any_folder_kernels_compile_and_are_not_cached(read_only, tmp_path):
    taken = tmp_path / f"bayesltv-kernels-{os.getuid()}"
    taken.mkdir(mode=0o700)
    taken.chmod(0o777)  # others may put code there
    place, _ = run(KERNEL, read_only, TMPDIR=str(tmp_path))
    assert place == "None"


def test_a_home_that_can_be_written_to_is_left_to_numba(read_only, tmp_path):
    place, _ = run(KERNEL, read_only, HOME=str(tmp_path), TMPDIR=str(tmp_path))
    assert place == ""


def test_what_the_user_names_goes_first(read_only, tmp_path):
    place, _ = run(KERNEL, read_only, NUMBA_CACHE_DIR=str(tmp_path / "mine"))
    assert place == str(tmp_path / "mine")


def test_the_setting_of_numba_is_left_as_it_was():
    import numba

    before = numba.config.CACHE_DIR
    with c._cached_in("elsewhere"):
        assert numba.config.CACHE_DIR == "elsewhere"
    assert before == numba.config.CACHE_DIR


def test_cached_code_from_modules_that_are_gone_is_made_anew(tmp_path):
    source = tmp_path / "kernel_of_yesterday.py"
    source.write_text(
        "from bayesltv.numerics.compile import compiled\n\n\n@compiled\ndef twice(x):\n    return 2.0 * x\n"
    )
    code = "import kernel_of_yesterday as k; print(k.twice(3.0), sum(k.twice.stats.cache_misses.values()))"

    def called() -> str:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False,
            env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")},
        )  # fmt: skip
        return done.stdout.strip() or done.stderr

    assert called() == "6.0 1"
    assert called() == "6.0 0"
    (stored,) = (tmp_path / "cache").rglob("*.nbc")
    stored.write_bytes(b"cmodule_that_is_gone\nThing\n.")
    assert called() == "6.0 1"
    assert called() == "6.0 0"
