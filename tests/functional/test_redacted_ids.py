"""With ``--redact-ids`` no id is seen: not in messages, JSON, manifests, reports, figures or tracebacks."""

import json
import re
from pathlib import Path

import matplotlib.figure
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from typer.testing import CliRunner

import bayesltv as ltv
from bayesltv.cli.app import app
from bayesltv.redaction import KEY_VARIABLE

ID = re.compile(r"zq\d{5}")
HASH = re.compile(r"#[0-9a-f]{20}\b")
KEPT = ("scores.csv", "scores.parquet", "customers.csv", "customers.parquet", "at_risk.csv")
"""Score tables, exports and plans keep the ids: they are what the ids are for."""
OUTPUT = ("--decision", "retention", "--draws", "20")


@pytest.fixture(scope="module")
def redacted_world(tmp_path_factory, small_log, small_fit) -> Path:
    """The small world with ids that stand nowhere else, its hold-out kept apart."""
    folder = tmp_path_factory.mktemp("redacted")
    log = small_log.assign(customer_id=["zq" + each[1:] for each in small_log["customer_id"]])
    log.to_csv(folder / "log.csv", index=False)
    past = ltv.summarize(log, observation_end="1997-06-30", time_unit="week", groups=["channel"])
    past.to_parquet(folder / "past.parquet", index=False)
    summary = ltv.summarize(log, observation_end="1997-09-30", time_unit="week", groups=["channel"])
    summary.to_parquet(folder / "summary.parquet", index=False)
    ltv.save(small_fit, folder / "fit.nc")
    return folder


@pytest.fixture
def drawn(monkeypatch):
    """Every text of every figure that is saved."""
    texts: list[str] = []
    save = matplotlib.figure.Figure.savefig

    def keep(figure, *arguments, **options):
        save(figure, *arguments, **options)  # which draws it: ticks have their labels from then on
        texts.extend(each.get_text() for each in figure.findobj(Text))

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", keep)
    return texts


def run(*arguments: object, code: int = 0):
    result = CliRunner().invoke(app, ["--redact-ids", *(str(each) for each in arguments)])
    assert result.exit_code == code, result.output
    assert not ID.search(result.output), ID.search(result.output)
    return result


def seen(folder: Path) -> list[str]:
    """Files in which an id stands, among those that should hold none."""
    written = [each for each in folder.rglob("*") if each.is_file() and each.name not in KEPT]
    return [str(each) for each in written if ID.search(each.read_bytes().decode("latin-1"))]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::bayesltv.errors.BayesltvWarning")
def test_no_id_is_seen_in_what_commands_say_and_write(redacted_world, drawn, tmp_path):
    fit, log = redacted_world / "fit.nc", redacted_world / "log.csv"
    summary, past = redacted_world / "summary.parquet", redacted_world / "past.parquet"
    run("check", fit, "--summary", summary, "--thorough", "--report", tmp_path / "checks", "--json")
    run("evaluate", fit, log, "--summary", past, "--horizon", "13 weeks", "--draws", "50",
        "--report", tmp_path / "evaluation", "--json")  # fmt: skip
    run("score", fit, summary, *OUTPUT, "--out", tmp_path / "scores.csv", "--json")
    run("decide", fit, summary, *OUTPUT, "--out", tmp_path / "plan", "--json")
    run("report", fit, "--summary", past, "--scores", tmp_path / "scores.csv", "--plan", tmp_path / "plan",
        "--log", log, "--horizon", "13 weeks", "--out", tmp_path / "report.html", "--json")  # fmt: skip
    assert ID.search((tmp_path / "scores.csv").read_text("utf-8-sig"))
    assert ID.search((tmp_path / "plan" / "customers.csv").read_text("utf-8-sig"))
    assert seen(tmp_path) == []
    assert len(drawn) > 500
    assert not [text for text in drawn if ID.search(text)]
    assert len([text for text in drawn if HASH.search(text)]) >= 10  # the picture of single customers


def test_the_search_would_find_ids_in_figures_and_pages(redacted_world, drawn, tmp_path):
    """The same picture without redaction shows ids: the search above does not look past them."""
    fit, summary = redacted_world / "fit.nc", redacted_world / "summary.parquet"
    run("score", fit, summary, *OUTPUT, "--out", tmp_path / "scores.csv")
    plain = CliRunner().invoke(
        app, ["report", str(fit), "--scores", str(tmp_path / "scores.csv"), "--out", str(tmp_path / "r.html")]
    )
    assert plain.exit_code == 0, plain.output
    assert len([text for text in drawn if ID.search(text)]) >= 10


def test_the_manifest_and_the_page_say_whether_hashes_repeat(redacted_world, tmp_path, monkeypatch):
    fit, summary = redacted_world / "fit.nc", redacted_world / "summary.parquet"
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    run("score", fit, summary, *OUTPUT, "--out", tmp_path / "scores.csv")
    told = json.loads((tmp_path / "scores.manifest.json").read_text())["redacted_ids"]
    assert (told["repeats"], told["hash_bits"]) == (False, 80)
    place = ("report", fit, "--scores", tmp_path / "scores.csv", "--out", tmp_path / "r.html", "--json")
    assert json.loads(run(*place).stdout)["redacted_ids"]["repeats"] is False
    assert seen(tmp_path) == []
    assert "made with a random key: hashes do not repeat" in (tmp_path / "r.html").read_text("utf-8")
    monkeypatch.setenv(KEY_VARIABLE, "a secret of more than sixteen bytes")
    assert json.loads(run(*place).stdout)["redacted_ids"]["repeats"] is True
    page = (tmp_path / "r.html").read_text("utf-8")
    assert "the key was given" in page
    assert "a secret of more" not in page
    assert "random key" not in page


def changed(world: Path, folder: Path, **values: object) -> Path:
    summary = pd.read_parquet(world / "summary.parquet")
    for column, value in values.items():
        summary[column] = summary[column].astype(object)
        summary.loc[summary.index[:2], column] = value
        if column != "customer_id":
            summary[column] = summary[column].astype(str) if isinstance(value, str) else summary[column]
    summary.to_csv(folder / "bad.csv", index=False)
    return folder / "bad.csv"


@pytest.mark.parametrize(
    "values",
    [{"customer_id": "zq00001"}, {"recency": "zq00001"}, {"recency": 999.0}, {"first_purchase": "zq00001"},
     {"monetary_value": "zq00001"}, {"frequency": 1.5}, {"channel": None}],
    ids=str,
)  # fmt: skip
def test_no_id_is_seen_where_a_summary_is_wrong(redacted_world, tmp_path, values):
    bad = changed(redacted_world, tmp_path, **values)
    place = ("--time-unit", "week", "--observation-end", "1997-09-30", "--out", tmp_path / "f.nc")
    run("fit", bad, "--spec", "by_group", "--group", "channel", *place, code=10)


LINES = {
    "a date": "zq00001,soon,5,shop",
    "an id for a date": "1997-01-01,zq00001,5,shop",
    "an id for an amount": "zq00009,1997-01-01,zq00001,shop",
    "a cell too many": "zq00001,1997-01-01,5,shop,zq00002,zq00003",
    "an open quote": '"zq00001,1997-01-01,5,shop',
    "two groups": "zq00115,1997-01-02,5,elsewhere",
    "no date": "zq00001,,5,shop",
    "no bytes of UTF-8": "zq00001\udcff,1997-01-01,5,shop",
}


@pytest.mark.parametrize("what", LINES)
def test_no_id_is_seen_where_a_log_is_wrong(redacted_world, tmp_path, what):
    text = (redacted_world / "log.csv").read_text()
    (tmp_path / "log.csv").write_bytes((text + LINES[what] + "\n").encode("utf-8", "surrogateescape"))
    result = CliRunner().invoke(
        app,
        ["--redact-ids", "summarize", str(tmp_path / "log.csv"), "--observation-end", "1997-09-30",
         "--time-unit", "week", "--group", "channel", "--out", str(tmp_path / "s.parquet"), "--json"],
    )  # fmt: skip
    assert result.exit_code in (0, 10), result.output
    assert not ID.search(result.output), result.output


def test_no_id_is_seen_where_earlier_tables_are_wrong(redacted_world, tmp_path):
    fit, summary = redacted_world / "fit.nc", redacted_world / "summary.parquet"
    place = (fit, summary, *OUTPUT, "--out", tmp_path / "plan")
    table = pd.DataFrame({"customer_id": ["zq00115", "zq00115"], "tier": "low", "action": "zq00001"})
    table.to_csv(tmp_path / "before.csv", index=False)
    run("decide", *place, "--previous", tmp_path / "before.csv", code=10)
    table.head(1).assign(tier="zq00001").to_csv(tmp_path / "before.csv", index=False)
    run("decide", *place, "--previous", tmp_path / "before.csv", code=10)
    rng = np.random.default_rng(1)
    test = pd.DataFrame({"customer_id": [f"zq{n:05d}" for n in range(40)], "arm": ["control", "mail"] * 20})
    test["money"] = rng.gamma(2.0, 5.0, 40).round(2).astype(str)
    test.loc[3, "money"] = "zq00003"
    test.to_csv(tmp_path / "test.csv", index=False)
    ask = ("uplift", tmp_path / "test.csv", "--outcome", "money", "--randomised", "--out", tmp_path / "u.nc")
    run(*ask, code=10)
    test.assign(money="1", customer_id="zq00001").to_csv(tmp_path / "test.csv", index=False)
    run(*ask, code=10)


def test_no_id_is_seen_in_tracebacks_and_warnings_of_others(redacted_world, tmp_path, monkeypatch):
    import warnings

    def broken(*_: object, **__: object) -> None:
        warnings.warn("could not parse 'zq00001'", UserWarning, stacklevel=1)
        try:
            raise KeyError("zq00001")
        except KeyError as error:
            error.add_note("row of zq00001")
            raise ValueError(f"no customer {'zq'}00001") from error

    monkeypatch.setattr("bayesltv.jobs.check_file", broken)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        result = CliRunner().invoke(app, ["--redact-ids", "check", str(redacted_world / "fit.nc"), "--json"])
    assert result.exit_code == 1
    shown = [line for line in result.output.splitlines() if not line.startswith("    ")]  # not the source
    assert not [line for line in shown if ID.search(line)]
    assert "UserWarning (text left out by --redact-ids)" in result.stderr
