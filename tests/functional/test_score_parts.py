"""Scores in parts: the same rows as in one piece, and what happens when a run is disturbed."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import bayesltv as ltv
import killed_runs
from bayesltv.data.fingerprint import fingerprint
from bayesltv.data.summary.store import summary_batches, write_summary
from bayesltv.engines import folder as parts
from bayesltv.report.files import export
from helpers import point_fit, sealed
from killed_runs import DRAWS, ROWS

PURCHASE = {"r": 0.6, "alpha": 3.0, "a": 0.8, "b": 2.5}
SPEND = {"p": 6.0, "q": 4.0, "v": 15.0}
RELATIVE = """
[value]
horizon = "39 weeks"
annual_discount_rate = 0.1
margin = 0.3
[tiers]
kind = "relative"
[tiers.high]
top = 0.2
[tiers.low]
"""
PLACES = {
    "first part half written": {"target": "part-00000.parquet", "share": 0.5},
    "between parts": {"before": "write_part", "call": 4},
    "during totals": {"target": "_totals.nc", "share": 0.5},
    "before the manifest": {"before": "write_manifest"},
    "before the marker": {"before": "write_marker"},
    "before anything": {"before": "write_run"},
    "between a part and its record": {"target": "part-00002.json", "share": 0.0},
}
CHANCE = random.Random(20260101)
ANYWHERE = {
    f"inside a part {i}": {"target": f"part-{CHANCE.randrange(5):05d}.parquet", "share": CHANCE.random()}
    for i in range(5)
}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with fit.nc, summary.parquet, decision.toml."""
    folder = tmp_path_factory.mktemp("parts")
    log = ltv.simulate_log(
        {"shop": 170, "web": 130}, purchase=PURCHASE, spend=SPEND, seed=5, group_col="channel"
    )
    summary = ltv.summarize(log, observation_end="1997-09-30", time_unit="week", groups=["channel"])
    write_summary(summary.sample(frac=1, random_state=1).reset_index(drop=True), folder / "summary.parquet")
    fit = point_fit(PURCHASE | SPEND, draws=DRAWS)
    ltv.save(fit, folder / "fit.nc")
    (folder / "decision.toml").write_text(RELATIVE)
    return folder


@pytest.fixture(scope="module")
def whole(place):
    """The scores in one piece."""
    summary = pd.read_parquet(place / "summary.parquet")
    return ltv.score(ltv.load(place / "fit.nc"), summary, ltv.load_decision(place / "decision.toml"), seed=3)


def scored(place, out, **changes):
    given = {"seed": 3, "rows_per_part": ROWS, "draws": DRAWS, "threads": 2} | changes
    summary = given.pop("summary", place / "summary.parquet")
    fit, decision = given.pop("fit", place / "fit.nc"), given.pop("decision", place / "decision.toml")
    return ltv.score_to(ltv.load(fit), summary, ltv.load_decision(decision), out=out, **given)


def contents(folder):
    """The bytes of every file of a run but its lock."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "_lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def undisturbed(place):
    found = scored(place, place / "undisturbed")
    assert (found.parts, found.kept) == (5, 0)
    return found


def test_parts_are_the_table_and_the_totals_in_one_piece(undisturbed, whole):
    table = pd.read_parquet(undisturbed.path)
    pd.testing.assert_frame_equal(table, pd.DataFrame(whole), check_exact=True)
    assert undisturbed.totals.identical(whole.totals)
    assert [pq.read_metadata(path).num_rows for path in sorted(undisturbed.path.glob("part-*"))] == [60] * 5


def test_the_manifest_tells_what_the_scores_are_made_from(undisturbed, whole, place):
    told = json.loads((undisturbed.path / "_manifest.json").read_text())
    assert told["seed"] == 3
    assert told["found"]["customers"] == 300
    assert told["found"]["thresholds"] == whole.attrs["thresholds"]
    assert told["found"]["fingerprint"] == fingerprint(pd.read_parquet(place / "summary.parquet"))
    assert len(told["files"]) == 6
    assert "numba" in told["versions"]


@pytest.fixture(scope="module")
def killed(place, undisturbed):
    """What became of runs that were killed and started again."""
    script, scenarios = Path(killed_runs.__file__), PLACES | ANYWHERE
    folders = os.pathsep.join(filter(None, [str(script.parent), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, str(script), str(place)], input=json.dumps(scenarios), text=True, check=True,
        capture_output=True, env={**os.environ, "PYTHONPATH": folders}, timeout=300,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", [*PLACES, *ANYWHERE])
def test_a_killed_run_started_again_leaves_the_same_bytes(killed, place, undisturbed, name):
    told = killed[name]
    assert told["signal"] == signal.SIGKILL
    assert "_SUCCESS" not in told["there"]
    assert contents(place / name) == contents(undisturbed.path)
    finished = sum(each.startswith("part-") for each in told["there"])
    assert told["kept"] == finished - (name == "between a part and its record")


def test_where_a_run_is_killed_says_what_is_kept(killed):
    kept = {name: killed[name]["kept"] for name in PLACES}
    assert kept == {
        "first part half written": 0,
        "between parts": 3,
        "during totals": 5,
        "before the manifest": 5,
        "before the marker": 5,
        "before anything": 0,
        "between a part and its record": 2,
    }


def test_a_finished_run_started_again_scores_nobody_and_changes_nothing(place, undisturbed, monkeypatch):
    before = contents(undisturbed.path)
    monkeypatch.setattr("bayesltv.engines.local.score_rows", None)
    assert scored(place, undisturbed.path).kept == 5
    assert contents(undisturbed.path) == before


def test_a_part_that_was_damaged_is_made_again(place, undisturbed, tmp_path):
    out = scored(place, tmp_path / "out").path
    part = out / "part-00003.parquet"
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    assert scored(place, out).kept == 4
    assert contents(out) == contents(undisturbed.path)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"seed": 4}, "seed was 3, is 4"),
        ({"draws": 20}, "draws was 40, is 20"),
        ({"rows_per_part": 50}, "rows_per_part was 60, is 50"),
    ],
)
def test_another_run_does_not_add_to_the_folder(place, undisturbed, changes, says):
    before = contents(undisturbed.path)
    with pytest.raises(ltv.StoreError, match=says):
        scored(place, undisturbed.path, **changes)
    assert contents(undisturbed.path) == before


def test_another_decision_or_fit_is_refused_by_name(place, undisturbed, tmp_path):
    (tmp_path / "other.toml").write_text(RELATIVE.replace("margin = 0.3", "margin = 0.4"))
    with pytest.raises(ltv.StoreError, match=r"decision.value.margin was 0\.3, is 0\.4"):
        scored(place, undisturbed.path, decision=tmp_path / "other.toml")
    other = point_fit(PURCHASE | SPEND | {"r": 0.7}, draws=DRAWS)
    ltv.save(other, tmp_path / "other.nc")
    with pytest.raises(ltv.StoreError, match=r"fit\.posterior_sha256 was"):
        scored(place, undisturbed.path, fit=tmp_path / "other.nc")


def test_other_versions_are_refused_by_name(place, undisturbed, monkeypatch):
    monkeypatch.setattr("bayesltv.engines.local.versions", lambda: {"numba": "0.1"})
    with pytest.raises(ltv.StoreError, match=r"versions\.numba was"):
        scored(place, undisturbed.path)


def test_a_summary_that_has_changed_is_refused(place, undisturbed, tmp_path):
    changed = pd.read_parquet(place / "summary.parquet")
    attrs = dict(changed.attrs)
    changed.loc[7, "customer_id"] = "somebody else"
    changed.attrs = attrs
    write_summary(changed, tmp_path / "summary.parquet")
    with pytest.raises(ltv.StoreError, match=r"summary\.sha256 was"):
        scored(place, undisturbed.path, summary=tmp_path / "summary.parquet")


def test_a_second_run_is_refused_while_the_first_is_alive(place, undisturbed):
    with parts.locked(undisturbed.path), pytest.raises(ltv.StoreError, match=rf"process {os.getpid()}"):
        scored(place, undisturbed.path)
    assert scored(place, undisturbed.path).kept == 5


def test_a_full_disk_is_an_error_and_finished_parts_stay(place, undisturbed, tmp_path, monkeypatch):
    real = export.write_table

    def full(scores, path):
        if path.name == "part-00002.parquet":
            with export.replacing(path) as (beside,):
                beside.write_bytes(b"PAR1")
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(scores, path)

    with monkeypatch.context() as patch:
        patch.setattr(parts, "write_table", full)
        with pytest.raises(
            ltv.StoreError, match=r"part-00002\.parquet: No space left on device. Is there room"
        ):
            scored(place, tmp_path / "out")
    there = {path.name for path in (tmp_path / "out").iterdir()}
    assert there == {"part-00000.parquet", "part-00001.parquet", "_records", "_run.json", "_lock"}
    assert scored(place, tmp_path / "out").kept == 2
    assert contents(tmp_path / "out") == contents(undisturbed.path)


def test_no_customers_make_an_empty_table_with_the_right_columns(place, undisturbed, tmp_path):
    nobody = pd.read_parquet(place / "summary.parquet").iloc[:0]
    del nobody.attrs["fingerprint"]  # that of all
    write_summary(nobody, tmp_path / "nobody.parquet")
    found = scored(place, tmp_path / "out", summary=tmp_path / "nobody.parquet")
    assert (found.customers, found.parts) == (0, 1)
    empty, some = (pq.read_schema(path / "part-00000.parquet") for path in (found.path, undisturbed.path))
    assert [(field.name, field.type) for field in empty] == [(field.name, field.type) for field in some]
    assert (found.path / "_SUCCESS").exists()


def test_a_refusal_before_the_first_part_leaves_no_folder(place, tmp_path):
    bad = pd.read_parquet(place / "summary.parquet").assign(T=-1.0)
    write_summary(bad, tmp_path / "bad.parquet")
    with pytest.raises(ltv.DataError, match="T is negative"):
        scored(place, tmp_path / "new" / "out", summary=tmp_path / "bad.parquet")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.parquet"]
    (tmp_path / "mine").mkdir()
    with pytest.raises(ltv.DataError, match="T is negative"):
        scored(place, tmp_path / "mine", summary=tmp_path / "bad.parquet")
    assert list((tmp_path / "mine").iterdir()) == []


def test_a_fit_that_is_too_old_is_refused_with_both_dates(place, tmp_path):
    fit = sealed(ltv.load(place / "fit.nc"), observation_end="1997-08-31")
    ltv.save(fit, tmp_path / "old.nc")
    with pytest.raises(ltv.CheckFailed, match=r"end on 1997-08-31, 30 days before .* 1997-09-30") as caught:
        scored(place, tmp_path / "out", fit=tmp_path / "old.nc", max_fit_age_days=29)
    assert caught.value.exit_code == 13
    assert not (tmp_path / "out").exists()
    assert scored(place, tmp_path / "out", fit=tmp_path / "old.nc", max_fit_age_days=30).customers == 300


def test_rows_are_told_of_while_all_are_looked_through(place, undisturbed, tmp_path):
    looked, started, done = [], [], []
    told = {"looking": looked.append, "started": started.append, "progress": done.append}
    found = scored(place, tmp_path / "out", **told)
    assert found.totals.identical(undisturbed.totals)
    assert looked[:5] == [60] * 5
    assert sum(looked) == 600  # once to validate, once for the cuts of relative tiers
    assert (started, sum(done)) == ([300], 300)


def test_a_folder_with_other_things_is_left_alone(place, tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(ltv.StoreError, match=r"not empty and holds no run of scores \(mine.txt\)"):
        scored(place, tmp_path)


@pytest.mark.parametrize("rows", [ROWS, 1000])
def test_an_id_in_two_parts_is_refused_before_a_part_is_written(place, tmp_path, rows):
    twice = pd.read_parquet(place / "summary.parquet")
    attrs = dict(twice.attrs)
    twice.loc[299, "customer_id"] = twice.loc[0, "customer_id"]
    twice.attrs = attrs
    write_summary(twice, tmp_path / "twice.parquet")
    with pytest.raises(ltv.DataError, match=f"more than once for 1 of 300 .*{twice.loc[0, 'customer_id']}"):
        scored(place, tmp_path / "out", summary=tmp_path / "twice.parquet", rows_per_part=rows)
    assert not list((tmp_path / "out").glob("part-*"))


def test_rows_that_are_wrong_in_the_last_part_are_refused_before_the_first_is_written(place, tmp_path):
    wrong = pd.read_parquet(place / "summary.parquet")
    attrs = dict(wrong.attrs)
    wrong.loc[299, "T"] = -1.0
    wrong.attrs = attrs
    write_summary(wrong, tmp_path / "wrong.parquet")
    with pytest.raises(ltv.DataError, match="T is negative"):
        scored(place, tmp_path / "out", summary=tmp_path / "wrong.parquet")
    assert not list((tmp_path / "out").glob("part-*"))


@pytest.mark.parametrize("row_group", [7, 60, 300])
@pytest.mark.parametrize("rows", [1, 50, 300, 1000])
def test_batches_are_the_file_in_order_whatever_its_row_groups(place, tmp_path, row_group, rows):
    summary = pd.read_parquet(place / "summary.parquet")
    summary.to_parquet(tmp_path / "s.parquet", index=False, row_group_size=row_group)
    batches = list(summary_batches(tmp_path / "s.parquet", rows))
    assert [len(batch) for batch in batches[:-1]] == [rows] * (len(batches) - 1)
    assert all(batch.attrs["time_unit"] == "week" for batch in batches)
    together = pd.concat(batches, ignore_index=True)
    pd.testing.assert_frame_equal(together, summary.drop(columns="repeat_days"), check_flags=False)


def test_csv_summaries_come_in_parts_too(place, undisturbed, tmp_path):
    pd.read_parquet(place / "summary.parquet").drop(columns="repeat_days").to_csv(
        tmp_path / "summary.csv", index=False
    )
    found = scored(
        place,
        tmp_path / "out",
        summary=tmp_path / "summary.csv",
        time_unit="week",
        observation_end="1997-09-30",
    )
    one, other = pd.read_parquet(found.path), pd.read_parquet(undisturbed.path)
    np.testing.assert_allclose(one["ltv_mean"], other["ltv_mean"], rtol=1e-12)
