"""What is installed from the wheel alone, without the extras, can show what it does."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sysconfig
import venv
from pathlib import Path

import pandas as pd
import pytest

import bayesltv as ltv

ROOT = Path(__file__).parents[2]
BUILD = ("pyproject.toml", "README.md", "LICENSE", "src", "models")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A fresh environment with the wheel and its requirements, and no `lifetimes`.

    The requirements are those of this environment, linked; the wheel is built and installed.
    """
    tmp_path = tmp_path_factory.mktemp("installed")
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


@pytest.fixture
def run(tmp_path):
    """Run a command in an empty folder, with nothing but what is installed."""
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return lambda *command: subprocess.run(
        command, env=surroundings, cwd=tmp_path, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_the_demo_runs_from_the_wheel_without_the_files_of_cdnow(installed, run, tmp_path):
    where = "import bayesltv; print(bayesltv.__file__)"
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


@pytest.mark.slow
def test_a_model_is_chosen_and_set_beside_others_from_the_wheel(installed, run, tmp_path):
    world = {"r": 0.8, "alpha": 4.0, "a": 0.8, "b": 2.5}
    log = ltv.simulate_log(400, seed=3, purchase=world, spend={"p": 4.0, "q": 4.0, "v": 30.0})
    log.to_csv(tmp_path / "log.csv", index=False)
    command = installed / "bin" / "bayesltv"
    specs = ("--spec", "pooled", "--spec", "mbg_pooled", "--horizon", "6 weeks")
    chosen = run(command, "choose", "log.csv", *specs, "--out", "spec.toml")
    assert chosen.returncode == 0, chosen.stderr
    assert "Rolling origins" in chosen.stdout
    assert ltv.load_spec(tmp_path / "spec.toml").purchase.family in ("bg_nbd", "mbg_nbd")
    rivals = ("--rival", "gradient boosting", "--rival", "lifetimes, MLE", "--rival", "past spend")
    told = run(command, "benchmark", "log.csv", *specs, *rivals, "--json")
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    assert found["skipped"] == {"lifetimes, MLE": 'pip install "bayesltv[lifetimes]"'}
    methods = {row["method"] for row in found["table"]}
    assert methods == {"pooled", "mbg_pooled", "gradient boosting", "past spend"}


def export_of_a_shop(path):
    """Write what a German shop's export looks like: semicolons, a mark of bytes, commas, refunds."""
    world = {"r": 0.55, "alpha": 6.0, "a": 0.9, "b": 2.2}
    log = ltv.simulate_log(
        800, seed=21, family="mbg_nbd", start="2023-01-02", observation_end="2024-12-31",
        acquisition_days=600, purchase=world, spend={"p": 4.0, "q": 4.0, "v": 35.0},
    )  # fmt: skip
    amounts = log["amount"].map("{:,.2f}".format).str.translate(str.maketrans(",.", ".,"))
    made = pd.DataFrame(
        {
            "Bestellnr.": range(100_001, 100_001 + len(log)), "Kundennummer": log["customer_id"].str[1:],
            "Bestelldatum": log["date"].dt.strftime("%d.%m.%Y"), "Betrag (€)": amounts, "Status": "bezahlt",
        }
    )  # fmt: skip
    back = made.iloc[::90].assign(Status="erstattet")
    back["Betrag (€)"] = "-" + back["Betrag (€)"]
    pd.concat([made, back]).to_csv(path, sep=";", index=False, encoding="utf-8-sig")


@pytest.mark.slow
def test_a_newcomer_walks_from_an_export_to_a_report(installed, run, tmp_path):
    """The commands of docs/start.md, as they stand there."""
    page = (ROOT / "docs/start.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```sh\n(.*?)^```", page, flags=re.DOTALL | re.MULTILINE)
    install, *lines = block.splitlines()
    assert (install, len(lines)) == ("pip install bayesltv", 5)
    export_of_a_shop(tmp_path / "Bestellungen.csv")
    for line in lines:
        name, *options = shlex.split(line)
        done = run(installed / "bin" / name, *options)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        if options[0] == "models":  # "open it in an editor"
            path = tmp_path / "retention.toml"
            path.write_text(path.read_text("utf-8").replace('"USD"', '"EUR"'), encoding="utf-8")
    scores = pd.read_csv(tmp_path / "scores.csv", dtype={"customer_id": str}, encoding="utf-8-sig")
    assert len(scores) > 780
    assert scores["ltv_mean"].gt(0).all()
    assert "Can this be trusted?" in (tmp_path / "report.html").read_text(encoding="utf-8")
