"""What is installed from the wheel alone, without the extras, can show what it does."""

import os
import shutil
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILD = ("pyproject.toml", "README.md", "LICENSE", "src", "models")


@pytest.fixture
def installed(tmp_path):
    """A fresh environment with the wheel and its requirements, and no `lifetimes`.

    The requirements are those of this environment, linked; the wheel is built and installed.
    """
    source, made = tmp_path / "source", tmp_path / "environment"
    source.mkdir()
    for name in BUILD:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, source / name)
    venv.create(made, with_pip=True)
    python = made / "bin" / "python"
    wheels = tmp_path / "wheels"
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", source, "--wheel-dir", wheels], check=True)
    subprocess.run([*pip, "install", "--no-deps", *wheels.glob("*.whl")], check=True)
    (own,) = (made / "lib").glob("python*/site-packages")
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        is_ours = path.name.startswith(("bayesltv", "_bayesltv", "lifetimes", "__editable__"))
        if not (is_ours or path.suffix == ".pth" or (own / path.name).exists()):
            (own / path.name).symlink_to(path)
    return made


@pytest.mark.slow
def test_the_demo_runs_from_the_wheel_without_the_files_of_cdnow(installed, tmp_path):
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    where = "import bayesltv; print(bayesltv.__file__)"

    def run(*command):
        return subprocess.run(command, env=surroundings, cwd=tmp_path, capture_output=True, text=True)

    found = run(installed / "bin" / "python", "-c", where)
    assert found.stdout.startswith(str(installed)), found.stderr
    done = run(installed / "bin" / "bayesltv", "demo", "--out", "demo")
    assert done.returncode == 0, done.stderr
    told = " ".join(done.stdout.split())
    assert 'pip install "bayesltv[lifetimes]"' in told
    assert (
        "2,357 customers of a simulated shop, who first bought in one of 12 weeks (cohorts) of 1997" in told
    )
    assert "Checks: passed" in told
    assert "report.html" in {path.name for path in (tmp_path / "demo").iterdir()}
