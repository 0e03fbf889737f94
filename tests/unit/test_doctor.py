"""The doctor names what is amiss with its cure; models are shown and copied; how loud a command is."""

import json
import shutil
import tomllib
from collections import namedtuple

import pytest
from typer.testing import CliRunner

from bayesltv.cli.app import app
from bayesltv.cli.output import installation as rooms
from bayesltv.cli.output.installation import examine
from bayesltv.specs.catalogue import list_specs, load_any

RUNNER = CliRunner()
NAMES = [
    "python",
    "packages",
    "threads",
    "compiler",
    "kernel cache",
    "fonts",
    "java",
    "disk",
    "temporary disk",
]


def finding(name: str) -> rooms.Finding:
    return next(each for each in examine() if each.name == name)


def test_everything_is_looked_at_and_what_is_amiss_has_a_cure():
    found = examine()
    assert [each.name for each in found] == NAMES
    assert all(each.cure for each in found if each.status != "pass")


def test_a_full_disk_fails_with_the_code_of_engines_and_one_object_for_scripts(monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 10**7))
    told = RUNNER.invoke(app, ["doctor", "--json"])
    said = json.loads(told.stdout)
    assert (told.exit_code, said["passed"]) == (15, False)
    assert [each["name"] for each in said["findings"] if each["status"] == "fail"] == [
        "disk",
        "temporary disk",
    ]
    assert "error: not in order: disk, temporary disk" in told.stderr


def test_a_package_that_is_missing_fails(monkeypatch):
    monkeypatch.setattr(rooms, "PACKAGES", ("numpy", "no-such-package"))
    assert (finding("packages").status, finding("packages").found) == ("fail", "missing: no-such-package")


def test_java_is_missed_only_where_spark_is_there(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr(rooms, "find_spec", lambda name: None if name == "pyspark" else object())
    assert finding("java").status == "pass"
    monkeypatch.setattr(rooms, "find_spec", lambda _: object())
    assert finding("java").status == "warn"


def test_kernels_that_cannot_be_kept_are_told(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert finding("kernel cache").status == "pass"
    monkeypatch.setattr(rooms.os, "access", lambda *_: False)
    assert finding("kernel cache").status == "warn"


@pytest.mark.parametrize("name", [each.name for each in list_specs()])
def test_a_spec_that_is_shown_is_toml_of_all_that_it_says(name):
    shown = tomllib.loads(RUNNER.invoke(app, ["models", "show", name]).stdout)
    assert shown == json.loads(RUNNER.invoke(app, ["models", "show", name, "--json"]).stdout)
    assert type(load_any(name)).from_dict(shown) == load_any(name)


def test_a_copy_is_the_shipped_file_with_its_remarks_and_nothing_is_overwritten(tmp_path):
    out = tmp_path / "mine.toml"
    told = RUNNER.invoke(app, ["models", "copy", "retention", "--out", str(out)])
    shipped = next(each.path for each in list_specs() if each.name == "retention")
    assert (told.exit_code, told.stderr) == (0, f"written: {out}\n")
    assert out.read_bytes() == shipped.read_bytes()
    out.write_text("# mine")
    assert RUNNER.invoke(app, ["models", "copy", "pooled", "--out", str(out)]).exit_code == 14
    assert out.read_text() == "# mine"
    assert RUNNER.invoke(app, ["models", "copy", "no-such"]).exit_code == 11


def test_quiet_says_nothing_verbose_says_what_it_took_and_json_is_heard_anyhow():
    assert RUNNER.invoke(app, ["models", "list", "-q"]).output == ""
    assert json.loads(RUNNER.invoke(app, ["models", "list", "-q", "--json"]).stdout)["specs"]
    assert "MB at most" in RUNNER.invoke(app, ["models", "list", "-v"]).stderr
    assert RUNNER.invoke(app, ["models", "list", "-q", "-v"]).exit_code == 2


def test_a_command_speaks_the_language_it_is_asked_for_and_the_next_one_english():
    assert "内置规格" in RUNNER.invoke(app, ["models", "list", "--language", "zh"]).stdout
    assert "内置规格" in RUNNER.invoke(app, ["models", "list"], env={"BAYESLTV_LANGUAGE": "zh"}).stdout
    assert "Shipped specs" in RUNNER.invoke(app, ["models", "list"]).stdout


def test_the_top_level_has_at_most_eighteen_commands():
    assert len(app.registered_commands) + len(app.registered_groups) <= 18
