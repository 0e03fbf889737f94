"""``bayesltv decide``: a folder with everything, one clear error for each mistake."""

import json
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from typer.testing import CliRunner

import bayesltv as ltv
from bayesltv.cli.app import app
from bayesltv.cli.output.plain import plain
from bayesltv.demo import Demo, Shop
from bayesltv.report.files.options import write_options
from bayesltv.report.files.sealed import read_sealed

pytestmark = pytest.mark.usefixtures("unpainted")

DECISION = """
[value]
horizon = "12 months"
annual_discount_rate = 0.1
margin = 0.3
[tiers.high]
at_least = 30.0
[tiers.low]
[budget]
amount = 30.0
hold_out = 0.1
[actions.letter]
kind = "contact"
window = "8 weeks"
contact = 0.2
eligible = "p_purchase_horizon > 0.05"
[actions.letter.effects.rate]
mass = 0.9
between = [0.8, 2.5]
why = "a guess"
[actions.coupon]
kind = "discount"
window = "8 weeks"
contact = 0.05
discount = 0.05
[actions.coupon.effects.rate]
mass = 0.9
between = [0.8, 2.5]
why = "a guess"
"""


def run(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


def decide(world, folder, text=DECISION, *more):
    path = folder / "mine.toml"
    path.write_text(text)
    return run(
        "decide", world / "fit.nc", world / "summary.parquet", "--decision", path, "--out", folder / "plan",
        "--draws", 60, *more,
    )  # fmt: skip


def test_a_plan_is_told_and_written(world, tmp_path):
    done = decide(world, tmp_path)
    assert done.exit_code == 0, done.output
    told = " ".join(done.stdout.split())
    for words in (
        "a budget of 30",
        "held out at random",
        "letter for all",
        "effects are assumed",
        "pays from rate",
        "tier by stage",
        "existing customers only",
        "simpler reckonings would say",
    ):
        assert words in told
    names = {path.name for path in (tmp_path / "plan").iterdir()}
    assert names == {
        "customers.parquet", "customers.csv", "actions.csv", "effects.csv", "policies.csv",
        "budget_curve.csv", "segments.csv", "portfolio.csv", "simple_ltv.csv", "plan.manifest.json",
        "returns.csv", "sceptic.csv", "figures",
    }  # fmt: skip
    pictures = list((tmp_path / "plan" / "figures").glob("*.png"))
    drawn = {"plan_waterfall", "plan_roi", "plan_budget_curve", "plan_policies", "plan_customers"}
    assert drawn <= {path.stem for path in pictures}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)
    manifest = json.loads((tmp_path / "plan" / "plan.manifest.json").read_text())
    assert manifest["decision"]["budget"]["amount"] == 30.0
    export = pd.read_parquet(tmp_path / "plan" / "customers.parquet")
    assert manifest["rows"] == len(export)
    assert not any(str(i) in json.dumps(manifest) for i in export["customer_id"].head(20))


def test_json_is_one_object_and_the_same_seed_the_same_plan(world, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    today = pd.DataFrame({"customer_id": pd.read_parquet(world / "summary.parquet")["customer_id"].head(50)})
    today.assign(action="letter").to_csv(tmp_path / "today.csv", index=False)
    first = decide(world, tmp_path / "a", DECISION, "--json", "--current", tmp_path / "today.csv")
    again = decide(world, tmp_path / "b", DECISION, "--json", "--threads", 1)
    assert first.exit_code == again.exit_code == 0, first.output + again.output
    told = json.loads(first.stdout)
    assert told["net_mean"] == json.loads(again.stdout)["net_mean"]
    assert "current" in {row["policy"] for row in told["policies"]}
    tables = [(tmp_path / name / "plan" / "customers.parquet").read_bytes() for name in "ab"]
    assert tables[0] == tables[1]


@pytest.mark.parametrize(
    ("old", "new", "code", "says"),
    [
        ("margin = 0.3\n", "", 11, "margin is missing"),
        ("discount = 0.05", "discount = 0.35", 11, "is not below the margin of 0.3"),
        ("p_purchase_horizon >", "p_purchase_horizont >", 11, 'did you mean "p_purchase_horizon"?'),
        ("p_purchase_horizon > 0.05", "frequency > 9999", 11, "customers is eligible"),
        ("amount = 30.0", "amount = 0", 11, "buys nothing"),
        ("contact = 0.05", "contact = 0.05\nfixed = 40.0", 0, "its fixed cost of 40 leaves nothing of the"),
        ("amount = 30.0", 'amount = 30.0\ncurrency = "USD"', 0, ""),
        ("margin = 0.3\n", 'margin = 0.3\ncurrency = "EUR"\n', 0, ""),
        ("between = [0.8, 2.5]", "between = [-0.5, 2.5]", 11, "above 0"),
        (
            'kind = "contact"',
            'kind = "contact"\ntest = "spring"',
            11,
            "takes its effects from the test 'spring'",
        ),
    ],
)
def test_each_mistake_has_one_clear_error(world, tmp_path, old, new, code, says):
    assert old in DECISION
    done = decide(world, tmp_path, DECISION.replace(old, new, 1))
    assert done.exit_code == code, done.output
    assert says in done.stderr
    if code:
        assert done.stderr.count("error:") == 1
        assert not (tmp_path / "plan").exists()


def test_currencies_are_not_mixed(world, tmp_path):
    text = DECISION.replace("amount = 30.0", 'amount = 30.0\ncurrency = "USD"')
    text = text.replace("margin = 0.3\n", 'margin = 0.3\ncurrency = "EUR"\n', 1)
    done = decide(world, tmp_path, text)
    assert done.exit_code == 11
    assert "budget.currency = 'USD', but value.currency = 'EUR'" in done.stderr


def test_a_fit_that_failed_decides_nothing(world, tmp_path):
    (tmp_path / "mine.toml").write_text(DECISION)
    done = run(
        "decide", world / "failed.nc", world / "summary.parquet", "--decision", tmp_path / "mine.toml",
        "--out", tmp_path / "plan",
    )  # fmt: skip
    assert done.exit_code == 13


def test_an_earlier_export_says_who_moved_and_why(world, tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    assert decide(world, tmp_path / "old", DECISION).exit_code == 0
    earlier = pd.read_csv(
        tmp_path / "old" / "plan" / "customers.csv", encoding="utf-8-sig", dtype={"customer_id": str}
    )
    rich = earlier["ltv_mean"].nlargest(12).index
    earlier.loc[rich, "tier"] = "low"
    earlier.loc[rich, ["expected_purchases", "ltv_mean"]] /= 3.0
    earlier.loc[rich, "frequency"] -= 1
    earlier = earlier.drop(index=earlier["ltv_mean"].nsmallest(5).index)
    earlier.to_csv(tmp_path / "earlier.csv", index=False)
    done = decide(world, tmp_path / "new", DECISION, "--previous", tmp_path / "earlier.csv")
    assert done.exit_code == 0, done.output
    assert "stability index" in done.stdout
    plan = tmp_path / "new" / "plan"
    now = pd.read_parquet(plan / "customers.parquet").set_index("customer_id")
    up = [str(i) for i in earlier.loc[rich, "customer_id"] if now.loc[str(i), "tier"] == "high"]
    assert up
    movers = pd.read_csv(plan / "movers.csv", encoding="utf-8-sig", dtype={"customer_id": str})
    assert set(up) <= set(movers["customer_id"])
    mine = movers.set_index("customer_id").loc[up]
    assert (mine["reason"] == "bought again").all()
    assert (mine["ltv_now"] / mine["ltv_before"]).round(6).eq(3.0).all()
    migration = pd.read_csv(plan / "migration.csv", encoding="utf-8-sig", index_col="tier_previous")
    assert migration.loc["low", "high"] == len(up)
    assert migration.loc["(none)"].sum() == 5
    told = json.loads((plan / "plan.manifest.json").read_text())["plan"]
    assert told["stayed_in_tier"] == pytest.approx(1 - len(movers) / len(earlier))
    assert told["stability_index"] > 0
    assert (now.loc[up, "tier_previous"] == "low").all()


def test_a_plan_replaces_all_of_an_earlier_one_and_a_refusal_none_of_it(world, tmp_path):
    assert decide(world, tmp_path, DECISION, "--plan-test").exit_code == 0
    plan = tmp_path / "plan"
    (plan / "notes.txt").write_text("mine")
    assert (plan / "test_plans.csv").is_file()
    assert len(list((plan / "figures").glob("test_value_*.png"))) == 2
    before = {path: path.read_bytes() for path in plan.rglob("*") if path.is_file()}
    assert decide(world, tmp_path, DECISION.replace("margin = 0.3\n", "")).exit_code == 11
    assert before == {path: path.read_bytes() for path in plan.rglob("*") if path.is_file()}
    assert decide(world, tmp_path, DECISION).exit_code == 0
    assert not (plan / "test_plans.csv").exists()
    assert not list((plan / "figures").glob("test_value_*.png"))
    assert (plan / "notes.txt").read_text() == "mine"
    told = json.loads((plan / "plan.manifest.json").read_text())["sha256"]
    there = {path.relative_to(plan).as_posix() for path in plan.rglob("*") if path.is_file()}
    assert there == {*told, "plan.manifest.json", "notes.txt"}
    for name, digest in told.items():
        assert sha256((plan / name).read_bytes()).hexdigest() == digest


def test_a_failed_write_leaves_the_earlier_plan(world, tmp_path, monkeypatch):
    assert decide(world, tmp_path, DECISION).exit_code == 0
    plan = tmp_path / "plan"
    before = {path: path.read_bytes() for path in plan.rglob("*") if path.is_file()}

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bayesltv.report.files.folder.save_figure", full)
    done = decide(world, tmp_path, DECISION.replace("amount = 30.0", "amount = 20.0"))
    assert done.exit_code == 14
    assert "No space left" in done.stderr
    assert before == {path: path.read_bytes() for path in plan.rglob("*") if path.is_file()}


def test_an_accepted_failure_stands_in_every_row_and_in_the_manifest(world, tmp_path):
    (tmp_path / "mine.toml").write_text(DECISION)
    done = run(
        "decide", world / "failed.nc", world / "summary.parquet", "--decision", tmp_path / "mine.toml",
        "--out", tmp_path / "plan", "--draws", 30, "--accept-failed", "rhat",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    export = pd.read_parquet(tmp_path / "plan" / "customers.parquet")
    assert (export["accepted_failed"] == "rhat").all()
    manifest = json.loads((tmp_path / "plan" / "plan.manifest.json").read_text())
    assert manifest["accepted_failed_checks"] == ["rhat"]


def test_new_customers_are_told_against_their_cost(world, tmp_path):
    done = run(
        "decide", world / "fit.nc", world / "summary.parquet", "--decision", "acquisition", "--out",
        tmp_path / "plan", "--draws", 60,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    told = " ".join(done.stdout.split())
    assert "New customers: value (margin) within 12 months, first purchase included" in told
    assert "one more $1 brings, net of itself" in told
    table = pd.read_csv(tmp_path / "plan" / "acquisition.csv", encoding="utf-8-sig")
    assert table["ratio"].iloc[0] == pytest.approx(table["ltv_new"].iloc[0] / 10.0)
    uses = pd.read_csv(tmp_path / "plan" / "next_unit.csv", encoding="utf-8-sig").set_index("use")[
        "next_unit"
    ]
    assert uses["acquisition: all"] == pytest.approx(table["ltv_new"].iloc[0] / 12.5 - 1)


def test_the_demo_as_json_holds_its_decision(small_fit, small_summary, small_log, tmp_path):
    (tmp_path / "mine.toml").write_text(DECISION)
    decision = ltv.load_decision(tmp_path / "mine.toml")
    scores = ltv.score(small_fit, small_summary, decision, seed=1, draws=50)
    made = ltv.decide(small_fit, small_summary, decision, seed=1, draws=50)
    later = small_log.drop_duplicates("customer_id").iloc[::3].assign(date=pd.Timestamp("1997-12-31"))
    shop = Shop("a shop", pd.concat([small_log, later]))
    held = ltv.evaluate(
        small_fit, small_summary, shop.log, horizon="13 weeks", draws=50, log_end="1997-12-31"
    )
    demo = Demo(tmp_path, (), shop, small_summary, ltv.check(small_fit), decision, scores, held, made)
    told = json.loads(json.dumps(plain(demo), allow_nan=False))["plan"]
    assert told["net_mean"] == made.attrs["net_mean"]
    assert [row["action"] for row in told["actions"]] == ["letter", "coupon", "total"]
    assert {"policies", "segments", "portfolio", "simple_ltv", "effects"} <= set(told)


def test_wrong_options_are_usage_errors(world, tmp_path):
    done = decide(world, tmp_path, DECISION, "--test", "spring")
    assert done.exit_code == 2
    assert "NAME=FILE" in done.stderr
    (tmp_path / "today.csv").write_text("customer,action\n1,letter\n")
    done = decide(world, tmp_path, DECISION, "--current", tmp_path / "today.csv")
    assert done.exit_code == 10
    assert "lacks the column 'customer_id'" in done.stderr


def test_acquisition_alone_is_told_written_and_reported(world, tmp_path):
    value = DECISION[: DECISION.index("[tiers.high]")]
    told = decide(world, tmp_path, f"{value}[acquisition]\ncac = 5.0\n")
    assert told.exit_code == 0, told.output
    words = " ".join(told.output.split())
    for said in ("LTV:CAC", "s to pay back", "taken together, not of each of them", "acquisition: all"):
        assert said in words, said
    assert "What the plan brings" not in words
    assert pd.read_csv(tmp_path / "plan" / "acquisition.csv")["cac"].tolist() == [5.0]
    page = run(
        "report", world / "fit.nc", "--summary", world / "summary.parquet", "--plan", tmp_path / "plan",
        "--out", tmp_path / "report.html",
    )  # fmt: skip
    assert page.exit_code == 0, page.output
    text = (tmp_path / "report.html").read_text()
    assert "What new customers are worth" in text
    assert "The plan is expected to bring" not in text
    told = decide(world, tmp_path, f"{value}[acquisition]\ncac = 5.0\n", "--json")
    assert json.loads(told.stdout)["acquisition"][0]["holds_for"].startswith("the group's new")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_options_file_is_the_plan_s_options(world, tmp_path, ending):
    path = tmp_path / f"options.{ending}"
    told = decide(world, tmp_path, DECISION, "--options", path)
    assert told.exit_code == 0, told.output
    assert str(path) in "".join(told.output.split())
    fit, summary = ltv.load(world / "fit.nc"), pd.read_parquet(world / "summary.parquet")
    manifest = read_sealed(tmp_path / "options.manifest.json", cure="")
    seed = manifest["seed"]
    options = ltv.decide(fit, summary, tmp_path / "mine.toml", seed=seed, draws=60).options
    found = pd.read_csv(path, dtype={"customer_id": str}) if ending == "csv" else pd.read_parquet(path)
    assert len(found) == options.sizes["customer_id"] * options.sizes["action"]
    assert found["customer_id"].iloc[::2].tolist() == options["customer_id"].values.tolist()
    assert found["action"].iloc[:2].tolist() == ["letter", "coupon"]
    for name in options:
        known = options[name].values.ravel().astype(float)
        np.testing.assert_allclose(found[name].to_numpy(float), known, rtol=1e-14, err_msg=str(name))
    assert manifest["files"][path.name]["sha256"] == sha256(path.read_bytes()).hexdigest()


def test_options_are_written_in_blocks_of_any_size(tmp_path):
    ids, actions = np.array([f"=c{i}" for i in range(7)], object), ["a", "b", "c"]
    values = np.arange(21.0).reshape(7, 3)
    options = xr.Dataset(
        {
            "net_mean": (("customer_id", "action"), values),
            "eligible": (("customer_id", "action"), values > 4),
        },
        coords={"customer_id": ids, "action": actions},
    )
    for ending in ("csv", "parquet"):
        one, many = (tmp_path / f"{name}.{ending}" for name in ("one", "many"))
        write_options(options, one, provenance={})
        write_options(options, many, provenance={}, block=6)
        read = pd.read_csv if ending == "csv" else pd.read_parquet
        pd.testing.assert_frame_equal(read(one), read(many))
        assert read(many)["net_mean"].tolist() == list(range(21))
    assert pd.read_csv(tmp_path / "many.csv")["customer_id"].iloc[0] == "'=c0"


def test_options_that_cannot_be_written_are_refused_before_the_work(world, tmp_path):
    value = DECISION[: DECISION.index("[tiers.high]")]
    for text, name, says in [
        (f"{value}[acquisition]\ncac = 5.0\n", "options.csv", "no actions, so that there are no options"),
        (DECISION, "options.txt", "cannot tell the format"),
        (DECISION, "nowhere/options.csv", "is no folder"),
    ]:
        told = decide(world, tmp_path, text, "--options", tmp_path / name)
        assert told.exit_code in (11, 14), told.output
        assert says in " ".join(told.output.split())
        assert not (tmp_path / "plan").exists()
