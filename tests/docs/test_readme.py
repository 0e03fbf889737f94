"""The README's examples run as they stand, and what it says of files, columns and codes is so."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

import bayesltv as ltv
from bayesltv import errors
from bayesltv.cli.app import app
from bayesltv.data import datasets

ROOT = Path(__file__).parents[2]
PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/guide.md")}
README = "\n".join(PAGES.values())
"""The README and the guide that it leads to: their examples run one after the other."""
QUICK = {"fit": ("--method", "laplace"), "refit": ("--method", "laplace")}


def few():
    """A quarter of CDNOW's customers, with the one that the guide names and those of the last day."""
    log = datasets.load_cdnow()
    ids, last = sorted(log["customer_id"].unique()), log.loc[log["date"] == log["date"].max(), "customer_id"]
    return log[log["customer_id"].isin({*ids[::4], "05420", *last})].reset_index(drop=True)


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


def commands():
    """The lines of the README that call `bayesltv`, as lists of arguments."""
    return [
        shlex.split(line, comments=True)[1:]
        for block in blocks("sh")
        for line in block.splitlines()
        if line.startswith("bayesltv")
    ]


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """What the Python blocks leave behind, run one after the other in a folder of their own."""
    space = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("readme"))
        patch.setattr(ltv, "load_cdnow", few)
        for number, block in enumerate(blocks("python")):
            exec(compile(block, f"README.md, python block {number}", "exec"), space)
        assert Path("scores.parquet").exists()
    return space


def test_python_examples_run_and_score_every_customer(ran):
    assert len(ran["scores"]) == ran["summary"].shape[0] == few()["customer_id"].nunique()
    assert ltv.check(ran["fit"]).passed
    assert 0.5 < float(ran["at_least_ten"].item()) < 1
    assert 0.5 < float(ran["worth_100"].item()) < 1


def test_the_table_of_columns_names_every_column_of_a_score_table(ran):
    listed = set(re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| (`.*?) \|", README, flags=re.MULTILINE))))
    columns = {name for name in ran["scores"].columns if not name.startswith("p_tier_")}
    assert columns <= listed
    assert "`p_tier_<tier>`" in README


def test_the_readme_is_short():
    assert PAGES["README.md"].count("\n") < 150


def test_the_command_lines_run_in_the_order_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    few().to_csv("log.csv", index=False)
    lines = commands()
    assert [line[0] for line in lines[:4]] == ["summarize", "fit", "check", "score"]
    for line in lines:
        done = CliRunner().invoke(app, [*line, *QUICK.get(line[0], ())])
        assert done.exit_code == 0, f"bayesltv {shlex.join(line)}\n{done.output}"
    assert Path("scores.parquet").exists()


def test_the_table_of_exit_codes_names_every_code():
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", README, flags=re.MULTILINE)}
    family = [each for each in vars(errors).values() if isinstance(each, type)]
    codes = {each.exit_code for each in family if issubclass(each, errors.BayesltvError)}
    assert codes | {0, 2, 129, 130, 143} == listed


def test_files_and_targets_that_are_named_exist():
    for name, page in PAGES.items():
        for path in re.findall(r"\]\(([\w./-]+)\)", page):
            assert ((ROOT / name).parent / path).exists(), path
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    for target in re.findall(
        r"`?make ([a-z-]+)", "\n".join([*blocks("sh"), *re.findall(r"`make [a-z-]+`", README)])
    ):
        assert target in targets, target


def test_every_room_is_on_the_page_of_the_house():
    page = (ROOT / "docs/architecture.md").read_text()
    rooms = [path.name for path in (ROOT / "src/bayesltv").iterdir() if (path / "__init__.py").exists()]
    assert [room for room in rooms if f"`{room}/`" not in page] == []


def test_places_that_the_page_of_the_house_names_exist():
    page = (ROOT / "docs/architecture.md").read_text()
    named = set(re.findall(r"`((?:\w+/)+\w+)`", page))
    assert {"base/placed_base", "families/registry"} <= named
    source = ROOT / "src/bayesltv"
    assert [
        each for each in named if not any((source / f"{each}{end}").exists() for end in (".py", ""))
    ] == []


def test_pictures_are_small():
    for picture in (ROOT / "docs/figures").iterdir():
        assert picture.stat().st_size < 200_000
