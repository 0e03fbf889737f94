"""Scores and plans on disk: who reads them again compares them with the manifest beside them."""

import json
import shutil
import warnings
from hashlib import sha256
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import bayesltv as ltv
from bayesltv.cli.app import app
from bayesltv.engines import local
from bayesltv.prediction.scores import score as scoring
from bayesltv.report.files.crm import read_columns, read_export
from bayesltv.report.files.stored import read_plan, read_scores


def run(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


def assert_refused(done, *said):
    assert done.exit_code == 14, done.output
    for text in said:
        assert text in done.stderr
    assert "Traceback" not in done.output


def started(world):
    return (world / "fit.nc", world / "summary.parquet", "--decision", "retention", "--draws", 40)


@pytest.fixture(scope="module")
def stored(world, tmp_path_factory) -> Path:
    """A folder with scores.parquet, parts and a plan; tests only read it."""
    folder = tmp_path_factory.mktemp("stored")
    for verb, out in (("score", "scores.parquet"), ("score", "parts"), ("decide", "plan")):
        done = run(verb, *started(world), "--out", folder / out)
        assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def mine(stored, tmp_path) -> Path:
    """The same, to be damaged."""
    shutil.copytree(stored, tmp_path / "mine")
    return tmp_path / "mine"


def edited(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def damaged(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("option", "given", "harmed"),
    [
        ("--scores", "scores.parquet", "scores.parquet"),
        ("--scores", "scores.parquet", "scores.totals.parquet"),
        ("--scores", "parts", "parts/part-00000.parquet"),
        ("--scores", "parts", "parts/_totals.nc"),
        ("--plan", "plan", "plan/actions.csv"),
        ("--plan", "plan", "plan/customers.parquet"),
        ("--plan", "plan", "plan/figures/plan_waterfall.png"),
    ],
)
@pytest.mark.parametrize("how", ["damaged", "gone"])
def test_a_report_refuses_what_does_not_fit_its_manifest(world, mine, tmp_path, option, given, harmed, how):
    damaged(mine / harmed) if how == "damaged" else (mine / harmed).unlink()
    done = run("report", world / "fit.nc", option, mine / given, "--out", tmp_path / "r.html")
    says = "does not fit the manifest beside it" if how == "damaged" else "is missing"
    assert_refused(done, says, Path(harmed).name, "again")
    assert not (tmp_path / "r.html").exists()


@pytest.mark.parametrize(
    ("option", "given", "manifest"),
    [
        ("--scores", "scores.parquet", "scores.manifest.json"),
        ("--scores", "parts", "parts/_manifest.json"),
        ("--plan", "plan", "plan/plan.manifest.json"),
    ],
)
def test_an_edited_manifest_is_refused(world, mine, tmp_path, option, given, manifest):
    """The checksums in it fit, but what it says is not what was written."""
    edited(mine / manifest, '"draws": 40', '"draws": 4000')
    done = run("report", world / "fit.nc", option, mine / given, "--out", tmp_path / "r.html")
    assert_refused(done, "was changed after it was written", Path(manifest).name)


@pytest.mark.parametrize("reader", ["report", "previous"])
@pytest.mark.parametrize(("folder", "marker"), [("parts", "_SUCCESS"), ("plan", "plan.manifest.json")])
def test_a_folder_without_its_marker_is_refused_by_name(world, mine, tmp_path, reader, folder, marker):
    (mine / folder / marker).unlink()
    option = "--scores" if folder == "parts" else "--plan"
    done = (
        run("report", world / "fit.nc", option, mine / folder, "--out", tmp_path / "r.html")
        if reader == "report"
        else run("decide", *started(world), "--previous", mine / folder, "--out", tmp_path / "next")
    )
    assert_refused(done, marker, folder)


@pytest.mark.parametrize("name", ["plan/customers.csv", "plan/customers.parquet", "parts/part-00000.parquet"])
def test_a_file_of_a_folder_whose_run_was_stopped_is_not_taken_for_a_table_of_its_own(mine, tmp_path, name):
    (mine / ("plan/plan.manifest.json" if "plan" in name else "parts/_SUCCESS")).unlink()
    with pytest.raises(ltv.StoreError, match=r"was stopped.*copy .* into a folder of its own"):
        read_export(mine / name)
    alone = shutil.copy(mine / name, tmp_path)  # the cure
    assert not read_export(alone)[1].verified


def test_a_part_that_the_manifest_does_not_know_is_refused(world, mine):
    shutil.copy(mine / "parts" / "part-00000.parquet", mine / "parts" / "part-00009.parquet")
    with pytest.raises(
        ltv.StoreError, match=r"holds part-00009.parquet, of which its _manifest.json does not"
    ):
        read_scores(mine / "parts", ltv.load(world / "fit.nc"))


def test_what_is_whole_is_read_as_it_was_written(world, stored):
    fit = ltv.load(world / "fit.nc")
    one, other = read_scores(stored / "scores.parquet", fit), read_scores(stored / "parts", fit)
    pd.testing.assert_frame_equal(pd.DataFrame(one), pd.DataFrame(other))
    written = pd.read_parquet(stored / "scores.parquet")
    pd.testing.assert_frame_equal(pd.DataFrame(one), written[one.columns])
    plan = read_plan(stored / "plan", fit)
    pd.testing.assert_frame_equal(plan.tables["actions"], pd.read_csv(stored / "plan" / "actions.csv"))
    assert plan.pictures["plan_waterfall"] == (stored / "plan/figures/plan_waterfall.png").read_bytes()


@pytest.mark.parametrize(
    "name", ["plan", "plan/customers.parquet", "plan/customers.csv", "parts", "scores.parquet"]
)
def test_an_earlier_export_is_verified_where_a_manifest_stands_beside_it(stored, name):
    table, origin = read_export(stored / name)
    assert origin.verified
    expected = pd.read_parquet(stored / "plan" / "customers.parquet")
    assert sorted(table["customer_id"]) == sorted(expected["customer_id"])
    tiers = dict(zip(expected["customer_id"], expected["tier"], strict=True))
    assert dict(zip(table["customer_id"], table["tier"], strict=True)) == tiers
    if "." in name:
        assert origin.sha256 == sha256((stored / name).read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("name", "harmed"),
    [
        ("plan", "plan/customers.parquet"),
        ("plan/customers.csv", "plan/customers.csv"),
        ("parts", "parts/part-00000.parquet"),
        ("scores.parquet", "scores.parquet"),
    ],
)
def test_an_earlier_export_that_was_changed_is_refused(world, mine, tmp_path, name, harmed):
    damaged(mine / harmed)
    done = run("decide", *started(world), "--previous", mine / name, "--out", tmp_path / "next")
    assert_refused(done, "does not fit the manifest beside it", Path(harmed).name)
    assert not (tmp_path / "next").exists()


@pytest.mark.slow
def test_the_new_manifest_says_what_was_read_and_whether_it_was_verified(world, stored, tmp_path):
    back = tmp_path / "from_crm.csv"
    export = pd.read_csv(stored / "plan" / "customers.csv", dtype=str)
    export[["customer_id", "tier"]].to_csv(back, index=False)
    today = tmp_path / "today.csv"
    export[["customer_id"]].assign(action="none").to_csv(today, index=False)
    given = ("--previous", back, "--current", stored / "plan" / "customers.csv", "--out", tmp_path / "next")
    done = run("decide", *started(world), *given)
    assert done.exit_code == 10, done.output
    assert "lacks the column 'action'" in done.stderr
    done = run("decide", *started(world), "--previous", back, "--current", today, "--out", tmp_path / "next")
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "next" / "plan.manifest.json").read_text())["read"]
    for option, path in (("previous", back), ("current", today)):
        assert told[option] == {
            "file": path.name,
            "sha256": sha256(path.read_bytes()).hexdigest(),
            "manifest": "unverified",
        }
    assert told["summary"]["sha256"] == sha256((world / "summary.parquet").read_bytes()).hexdigest()
    assert read_export(stored / "plan")[1].told()["manifest"] == "verified"


def test_a_folder_that_spark_wrote_needs_its_marker_and_is_unverified(stored, tmp_path):
    folder = tmp_path / "spark"
    folder.mkdir()
    for part in (stored / "parts").glob("part-*.parquet"):
        shutil.copy(part, folder)
    with pytest.raises(ltv.StoreError, match="spark has no _SUCCESS"):
        read_export(folder)
    (folder / "_SUCCESS").touch()
    table, origin = read_export(folder)
    assert (len(table), origin.verified) == (250, False)


def test_a_table_of_actions_is_read_with_its_checksum(tmp_path):
    path = tmp_path / "today.csv"
    path.write_text("customer_id,action\n007,mail\n8,\n")
    found, origin = read_columns(path, "action")
    assert found == {"007": "mail"}
    assert (origin.sha256, origin.verified) == (sha256(path.read_bytes()).hexdigest(), False)


def test_scores_beside_the_manifest_of_other_scores_are_refused(world, stored, tmp_path):
    """scores.csv and scores.parquet have one manifest: it speaks of what was written last."""
    for name in ("s.parquet", "s.csv"):
        assert run("score", *started(world), "--out", tmp_path / name).exit_code == 0
    done = run("report", world / "fit.nc", "--scores", tmp_path / "s.parquet", "--out", tmp_path / "r.html")
    assert_refused(done, "s.manifest.json does not speak of s.parquet")


def test_a_killed_score_shows_as_a_manifest_that_does_not_fit_and_the_next_run_mends_it(
    world, mine, tmp_path
):
    (mine / "scores.manifest.json").write_bytes(b"")
    assert run("score", *started(world), "--seed", 9, "--out", tmp_path / "scores.parquet").exit_code == 0
    shutil.copy(tmp_path / "scores.manifest.json", mine)  # the first of the three, and then the kill
    report = ("report", world / "fit.nc", "--scores", mine / "scores.parquet", "--out", tmp_path / "r.html")
    assert_refused(run(*report), "does not fit the manifest beside it", "the run that wrote it was stopped")
    with pytest.raises(ltv.StoreError, match="does not fit"):
        read_export(mine / "scores.parquet")
    assert run("score", *started(world), "--seed", 9, "--out", mine / "scores.parquet").exit_code == 0
    assert run(*report).exit_code == 0


# ------------------------------------------------------------------------- a summary that changes meanwhile


@pytest.fixture
def others(world, tmp_path) -> Path:
    """A summary like the world's in its place, and the next night's, of other customers, beside it."""
    shutil.copy(world / "summary.parquet", tmp_path / "summary.parquet")
    summary = pd.read_parquet(world / "summary.parquet")
    later = summary.assign(customer_id="new " + summary["customer_id"])
    ltv.as_summary(later, time_unit="week", observation_end="1997-09-30").to_parquet(
        tmp_path / "next.parquet"
    )
    return tmp_path


def scored_parts(world, folder, out):
    fit, decision = ltv.load(world / "fit.nc"), ltv.load_decision("retention")
    given = {"seed": 1, "draws": 40, "rows_per_part": 60, "threads": 1}
    return ltv.score_to(fit, folder / "summary.parquet", decision, out=out, **given)


@pytest.mark.parametrize("place", ["look_through", "score_rows"])
def test_parts_are_of_one_summary_where_another_takes_its_place(world, others, monkeypatch, place):
    whole = scored_parts(world, others, others / "undisturbed")
    real, digest = getattr(local, place), sha256((others / "summary.parquet").read_bytes()).hexdigest()

    def replaced(*given, **named):
        if (others / "next.parquet").exists():
            (others / "next.parquet").replace(others / "summary.parquet")
        return real(*given, **named)

    monkeypatch.setattr(local, place, replaced)
    found = scored_parts(world, others, others / "out")
    pd.testing.assert_frame_equal(pd.read_parquet(found.path), pd.read_parquet(whole.path))
    told = json.loads((found.path / "_manifest.json").read_text())
    assert told["summary"]["sha256"] == digest
    assert digest != sha256((others / "summary.parquet").read_bytes()).hexdigest()


@pytest.mark.parametrize("place", ["look_through", "score_rows", "labelled"])
def test_parts_end_with_an_error_and_no_marker_where_the_summary_is_written_to(
    world, others, monkeypatch, place
):
    real = getattr(local, place)

    def written_to(*given, **named):
        content = (others / "next.parquet").read_bytes()
        (others / "summary.parquet").write_bytes(content + b" ")
        return real(*given, **named)

    monkeypatch.setattr(local, place, written_to)
    with pytest.raises(ltv.StoreError, match=r"summary.parquet (was written to while|is not a readable)"):
        scored_parts(world, others, others / "out")
    assert not (others / "out" / "_SUCCESS").exists()
    assert not (others / "out" / "_manifest.json").exists()


def test_a_score_file_is_of_the_summary_whose_hash_it_tells(world, others, monkeypatch):
    digest = sha256((others / "summary.parquet").read_bytes()).hexdigest()
    ids = set(pd.read_parquet(others / "summary.parquet")["customer_id"])
    real = scoring.score

    def replaced(*given, **named):
        (others / "next.parquet").replace(others / "summary.parquet")
        return real(*given, **named)

    monkeypatch.setattr(scoring, "score", replaced)
    line = (world / "fit.nc", others / "summary.parquet", "--decision", "retention", "--draws", 40)
    done = run("score", *line, "--out", others / "s.parquet")
    assert done.exit_code == 0, done.output
    assert json.loads((others / "s.manifest.json").read_text())["read"]["summary"]["sha256"] == digest
    assert set(pd.read_parquet(others / "s.parquet")["customer_id"]) == ids


def test_a_fit_that_is_replaced_while_it_is_read_ends_the_run(world, others, monkeypatch):
    from bayesltv.fitting import store

    fit, real = others / "fit.nc", store.load
    shutil.copy(world / "fit.nc", fit)

    def replaced(path):
        found = real(path)
        shutil.copy(world / "failed.nc", others / "other.nc")
        (others / "other.nc").replace(path)
        return found

    monkeypatch.setattr(store, "load", replaced)
    line = (fit, others / "summary.parquet", "--decision", "retention", "--draws", 40)
    for verb, out in (("score", "s.parquet"), ("decide", "plan")):
        shutil.copy(world / "fit.nc", fit)
        assert_refused(run(verb, *line, "--out", others / out), "was replaced while it was read")
    assert not (others / "s.parquet").exists()
    assert not (others / "plan").exists()


def test_the_marker_goes_before_a_part_of_a_finished_run_is_made_again(world, others, monkeypatch):
    out = scored_parts(world, others, others / "out").path
    damaged(out / "part-00002.parquet")
    marked = []
    real = local.files.write_table

    def looking(table, path):
        marked.append((out / "_SUCCESS").exists())
        return real(table, path)

    monkeypatch.setattr(local.files, "write_table", looking)
    scored_parts(world, others, out)
    assert marked == [False]
    assert (out / "_SUCCESS").exists()


@pytest.mark.parametrize("harmed", ["_run.json", "_records/part-00001.json"])
def test_a_resumed_run_does_not_trust_what_was_edited(world, others, harmed):
    whole = scored_parts(world, others, others / "whole").path
    out = scored_parts(world, others, others / "out").path
    for name in ("_SUCCESS", "_manifest.json", "_totals.nc"):
        (out / name).unlink()
    old, new = ('"customers": 250', '"customers": 251') if harmed == "_run.json" else ('"step":', '"stop":')
    edited(out / harmed, old, new)
    if harmed == "_run.json":
        with pytest.raises(ltv.StoreError, match=r"_run.json was changed after it was written.*Remove"):
            scored_parts(world, others, out)
        assert not (out / "_SUCCESS").exists()
    else:
        assert scored_parts(world, others, out).kept == 4
        for name in ("_totals.nc", "_manifest.json"):
            assert (out / name).read_bytes() == (whole / name).read_bytes()


# ------------------------------------------------------------------------------- what version 0.1.0 wrote


@pytest.fixture(scope="module")
def first_layout(tmp_path_factory) -> Path:
    """A copy of what version 0.1.0 wrote: manifests without a hash of their own."""
    folder = tmp_path_factory.mktemp("layout") / "layout_1"
    shutil.copytree(Path(__file__).parents[1] / "data" / "layout_1", folder)
    return folder


def first_fit(folder: Path, name: str):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ltv.BayesltvWarning)
        return ltv.load(folder / name)


def test_scores_and_plans_of_the_first_layout_are_read_and_their_files_verified(first_layout, tmp_path):
    pooled, grouped = (first_fit(first_layout, name) for name in ("pooled.nc", "grouped.nc"))
    scores = read_scores(first_layout / "scores.parquet", pooled)
    written = pd.read_parquet(first_layout / "scores.parquet")
    pd.testing.assert_frame_equal(pd.DataFrame(scores), written[scores.columns])
    plan = read_plan(first_layout / "plan", grouped)
    pd.testing.assert_frame_equal(plan.tables["actions"], pd.read_csv(first_layout / "plan" / "actions.csv"))
    assert read_export(first_layout / "plan")[1].verified
    shutil.copytree(first_layout, tmp_path / "mine")
    damaged(tmp_path / "mine" / "scores.parquet")
    damaged(tmp_path / "mine" / "plan" / "actions.csv")
    for read, name, fit in ((read_scores, "scores.parquet", pooled), (read_plan, "plan", grouped)):
        with pytest.raises(ltv.StoreError, match="does not fit the manifest beside it"):
            read(tmp_path / "mine" / name, fit)


def test_a_folder_of_the_first_layout_is_read_and_not_added_to(first_layout):
    fit = first_fit(first_layout, "pooled.nc")
    table, origin = read_export(first_layout / "scores_relative")
    pd.testing.assert_series_equal(
        table["customer_id"], pd.read_parquet(first_layout / "scores_relative")["customer_id"]
    )
    assert origin.verified
    accepted = [each.name for each in ltv.check(fit).failed]
    with pytest.raises(ltv.StoreError, match=r"holds scores of another run.*format was 1, is 2"):
        ltv.score_to(
            fit, first_layout / "summary.parquet", ltv.load_decision(first_layout / "relative.toml"),
            out=first_layout / "scores_relative", seed=1, accept_failed=accepted,
        )  # fmt: skip


def test_a_manifest_of_a_later_layout_is_refused_with_the_cure(mine):
    from bayesltv.report.files.sealed import read_sealed, sealed

    path = mine / "plan" / "plan.manifest.json"
    told = read_sealed(path, cure="")
    path.write_text(sealed({**told, "format": 3}))
    with pytest.raises(ltv.StoreError, match=r"has layout 3.*upgrade bayesltv"):
        read_export(mine / "plan" / "customers.csv")
