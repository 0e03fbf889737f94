"""Folders of pictures and tables: whole or not at all, several sets side by side."""

import json

import pandas as pd
import pytest

import bayesltv as ltv
from bayesltv.report.files.folder import write_folder
from bayesltv.report.files.sealed import digests_of, read_sealed
from bayesltv.report.style import new_axes

TABLE = pd.DataFrame({"a": [1, 2]})


def drawn():
    return new_axes(None)


def failing():
    raise RuntimeError("no picture")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_sets_share_a_folder_and_each_takes_its_own_away(tmp_path):
    (tmp_path / "mine.csv").write_text("mine")
    first = write_folder(tmp_path, "checks", figures={"one": drawn}, tables={"old": TABLE})
    assert sorted(path.name for path in first) == ["checks.manifest.json", "old.csv", "one.png"]
    write_folder(tmp_path, "evaluation", figures={}, tables={"scores": TABLE})
    write_folder(tmp_path, "checks", figures={}, tables={"new": TABLE})
    kept = ["checks.manifest.json", "evaluation.manifest.json", "mine.csv", "new.csv", "scores.csv"]
    assert names(tmp_path) == kept
    told = read_sealed(tmp_path / "checks.manifest.json", cure="")["sha256"]
    assert told == {"new.csv": digests_of(tmp_path)["new.csv"]}


def test_what_fails_leaves_the_earlier_set(tmp_path):
    write_folder(tmp_path, "checks", figures={}, tables={"old": TABLE})
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(RuntimeError):
        write_folder(tmp_path, "checks", figures={"one": failing}, tables={"old": TABLE * 2})
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_run_that_is_stopped_while_files_take_their_places_leaves_no_manifest(tmp_path, monkeypatch):
    write_folder(tmp_path, "checks", figures={}, tables={"old": TABLE})
    real = type(tmp_path).replace

    def stopped(path, target):
        if path.name == "two.csv":
            raise KeyboardInterrupt
        return real(path, target)

    monkeypatch.setattr(type(tmp_path), "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        write_folder(tmp_path, "checks", figures={}, tables={"one": TABLE, "two": TABLE})
    assert "checks.manifest.json" not in names(tmp_path)
    monkeypatch.undo()
    write_folder(tmp_path, "checks", figures={}, tables={"one": TABLE, "two": TABLE})
    assert names(tmp_path)[0] == "checks.manifest.json"
    assert not [each for each in names(tmp_path) if each.startswith(".")]


def test_a_damaged_manifest_takes_nothing_away(tmp_path):
    write_folder(tmp_path, "checks", figures={}, tables={"old": TABLE})
    told = json.loads((tmp_path / "checks.manifest.json").read_text())
    (tmp_path / "checks.manifest.json").write_text(json.dumps({**told, "sha256": {"mine.csv": ""}}))
    (tmp_path / "mine.csv").write_text("mine")
    write_folder(tmp_path, "checks", figures={}, tables={"new": TABLE})
    assert "mine.csv" in names(tmp_path)
    with pytest.raises(ltv.StoreError):
        write_folder(tmp_path / "mine.csv", "checks", figures={}, tables={})
