"""``bayesltv decide``: a folder with everything, one clear error for each mistake."""

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from bayesltv.cli.app import app

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
        "one for all letter",
        "effects are assumed",
        "pays from rate",
    ):
        assert words in told
    names = {path.name for path in (tmp_path / "plan").iterdir()}
    assert names == {
        "customers.parquet", "customers.csv", "actions.csv", "effects.csv", "policies.csv",
        "budget_curve.csv", "plan.manifest.json", "figures",
    }  # fmt: skip
    pictures = list((tmp_path / "plan" / "figures").glob("*.png"))
    assert len(pictures) == 5
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
        ("contact = 0.05", "contact = 0.05\nfixed = 40.0", 11, "does not exceed the fixed cost 40"),
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
        assert not (tmp_path / "plan" / "plan.manifest.json").exists()


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


def test_wrong_options_are_usage_errors(world, tmp_path):
    done = decide(world, tmp_path, DECISION, "--test", "spring")
    assert done.exit_code == 2
    assert "NAME=FILE" in done.stderr
    (tmp_path / "today.csv").write_text("customer,action\n1,letter\n")
    done = decide(world, tmp_path, DECISION, "--current", tmp_path / "today.csv")
    assert done.exit_code == 10
    assert "lacks the column 'customer_id'" in done.stderr
