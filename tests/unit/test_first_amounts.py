"""First amounts: what a summary tells of them, what the likelihood makes of them, who is scored with them."""

import json
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesltv as ltv
from bayesltv.checks.timing import first_purchase_effect
from bayesltv.comparison.compare import _require_same_amounts
from bayesltv.data.fingerprint import added, fingerprint
from bayesltv.data.summary.cells import make_cells, spend_rows
from bayesltv.data.summary.store import read_summary, write_summary
from bayesltv.data.summary.validate import validate_summary
from bayesltv.errors import BayesltvWarning, DataError, SpecError, StoreError
from bayesltv.families.gamma_gamma import formulas as gamma_gamma
from bayesltv.families.gamma_gamma.likelihood import spend_value_and_gradient
from bayesltv.model.build import make_problem
from bayesltv.model.likelihood import spend_data
from helpers import point_fit, sealed

POINT = {"r": 0.6, "alpha": 6.0, "a": 0.8, "b": 2.4, "p": 3.6, "q": 4.4, "v": 34.0, "delta": 0.8}
PURCHASE = {name: POINT[name] for name in ("r", "alpha", "a", "b")}
SPEND = {name: POINT[name] for name in ("p", "q", "v", "delta")}
VALUE = {"horizon": "26 weeks", "annual_discount_rate": 0.1, "margin": 0.3}
LOG = pd.DataFrame(
    [
        ("a", "2024-01-01", 10.0), ("a", "2024-01-01", 2.5), ("a", "2024-01-09", 20.0),  # two rows, one day
        ("b", "2024-01-02", 0.0), ("b", "2024-01-20", 8.0),  # a first purchase for nothing
        ("c", "2024-01-03", 30.0), ("c", "2024-01-04", -5.0),  # some of it came back
        ("d", "2024-01-05", 7.0),
    ],
    columns=["customer_id", "date", "amount"],
)  # fmt: skip


@pytest.fixture(scope="module")
def small():
    return ltv.summarize(LOG, observation_end="2024-03-01")


@pytest.fixture(scope="module")
def world():
    """A summary of 1,500 customers whose first orders are on the level 0.8 of later ones."""
    log = ltv.simulate_log(1500, seed=8, purchase=PURCHASE, spend=SPEND)
    return ltv.summarize(log, observation_end="1997-09-30")


@pytest.fixture(scope="module")
def fit():
    return point_fit(POINT, draws=40)


def old_layout(summary):
    """The summary as it was stored before it had first amounts."""
    old = summary.drop(columns="first_amount")
    old.attrs = {**summary.attrs, "fingerprint": fingerprint(old)}
    return old


# ------------------------------------------------------------------------------------------------- summaries


def test_the_first_amount_is_what_the_first_day_brought_after_refunds(small):
    assert small["first_amount"].tolist()[::2] == [12.5, 25.0]
    assert np.isnan(small["first_amount"][1])
    assert small["first_amount"][3] == 7.0
    assert "first_amount" not in ltv.summarize(LOG, observation_end="2024-03-01", monetary_value_col=None)


def test_cdnow_has_the_first_amounts_of_its_log(cdnow):
    log = ltv.load_cdnow()
    days = log.groupby(["customer_id", "date"])["amount"].sum().reset_index()
    first = days.groupby("customer_id")["amount"].first()[cdnow["customer_id"]].to_numpy()
    np.testing.assert_allclose(cdnow["first_amount"].fillna(0.0), first, rtol=1e-12)
    assert (cdnow["first_amount"] > 0).sum() == 2349
    assert cdnow["first_amount"].sum() == pytest.approx(77_759.95, abs=1e-6)


def test_a_stored_summary_without_them_has_what_was_spent_beyond_repeats(cdnow):
    made = validate_summary(old_layout(cdnow))
    pd.testing.assert_series_equal(made["first_amount"], cdnow["first_amount"])
    assert made.attrs["fingerprint"] == cdnow.attrs["fingerprint"]


def test_nothing_stays_nothing_where_floats_hold_no_single_cents():
    frame = pd.DataFrame(
        {
            "customer_id": ["a"], "frequency": [3], "recency": [2.0], "T": [5.0],
            "monetary_value": [1e13 / 3],
            "spend_count": [3], "spend_sum": [1e13], "spend_log_sum": [3 * np.log(1e13 / 3) - 1],
            "value_to_date": [np.nextafter(1e13, np.inf)],
        }
    )  # fmt: skip
    assert validate_summary(frame, time_unit="week")["first_amount"].isna().all()


def test_frames_of_other_packages_have_none(cdnow):
    frame = cdnow[["customer_id", "frequency", "recency", "T", "monetary_value"]]
    assert "first_amount" not in ltv.as_summary(frame, time_unit="week")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (-3.0, "first_amount is negative"),
        (np.inf, "first_amount is infinite"),
        ("much", "'first_amount' is no number"),
        (13.0, "first_amount is not value_to_date less repeat spend"),
    ],
)
def test_what_does_not_add_up_is_refused_by_name(small, value, message):
    broken = small.astype({"first_amount": object})
    broken.loc[0, "first_amount"] = value
    with pytest.raises(DataError, match=message):
        validate_summary(broken)


def test_an_unknown_first_amount_is_missing(small):
    unknown = small.assign(first_amount=[np.nan, 0.0, np.nan, 7.0])
    assert validate_summary(unknown)["first_amount"].tolist()[3] == 7.0
    assert validate_summary(unknown)["first_amount"].isna().sum() == 3


def test_files_keep_them(small, tmp_path):
    small.to_csv(tmp_path / "summary.csv", index=False)
    write_summary(small, tmp_path / "summary.parquet")
    from_csv = ltv.as_summary(tmp_path / "summary.csv", time_unit="week", observation_end="2024-03-01")
    for read in (from_csv, read_summary(tmp_path / "summary.parquet")):
        pd.testing.assert_series_equal(read["first_amount"], small["first_amount"])


def test_the_fingerprint_covers_them_and_old_prints_hold_by_the_old_rule(small, tmp_path):
    assert small.attrs["fingerprint"] == fingerprint(small) == fingerprint(small.iloc[::-1])
    assert small.attrs["fingerprint"].startswith("2-")
    other = small.assign(first_amount=small["first_amount"] * 2)
    assert fingerprint(other) != fingerprint(small)
    old = old_layout(small)
    assert not old.attrs["fingerprint"].startswith("2-")
    assert fingerprint(small, like=old.attrs["fingerprint"]) == old.attrs["fingerprint"]
    parts = [fingerprint(small.iloc[:2]), fingerprint(small.iloc[2:])]
    assert added(parts) == fingerprint(small)
    # a file that pandas wrote is held to the print that its frame carries
    old.to_parquet(tmp_path / "old.parquet")
    assert len(read_summary(tmp_path / "old.parquet")) == 4
    other.attrs = small.attrs
    other.to_parquet(tmp_path / "other.parquet")
    with pytest.raises(StoreError, match="carries the fingerprint 2-"):
        read_summary(tmp_path / "other.parquet")


# ------------------------------------------------------------------------------------------------------ specs


def test_a_stored_spec_without_the_key_means_none_and_keeps_its_hash():
    plain = ltv.ModelSpec(spend=ltv.SpendSpec(first_amounts=False))
    stored = plain.to_dict()
    assert stored["spend"] == {"family": "gamma_gamma"}
    assert "spend_first" not in stored["priors"]
    assert ltv.ModelSpec.from_dict(stored) == plain
    used = ltv.ModelSpec()
    assert used.spend.first_amounts
    assert used.priors["spend_first"].quantile(0.5) == pytest.approx(1.0)
    assert used.priors["spend_first"].why
    assert ltv.ModelSpec.from_dict(used.to_dict()) == used
    assert used.without_first_amounts() == plain
    assert used.without_first_amounts().hash() == plain.hash()


def test_a_file_that_says_nothing_uses_them(tmp_path):
    for said, uses in (("", True), ("first_amounts = false\n", False), ("first_amounts = true\n", True)):
        (tmp_path / "spec.toml").write_text(f'[spend]\nfamily = "gamma_gamma"\n{said}')
        assert ltv.load_spec(tmp_path / "spec.toml").spend.first_amounts is uses
    (tmp_path / "spec.toml").write_text('[spend]\nfirst_amounts = "yes"\n')
    with pytest.raises(SpecError, match="first_amounts: 'yes' must be true or false"):
        ltv.load_spec(tmp_path / "spec.toml")


def test_a_prior_of_their_level_needs_them():
    prior = ltv.PriorSpec.elicited(mass=0.9, between=(0.9, 1.1))
    assert ltv.ModelSpec(priors={"spend_first": prior}).priors["spend_first"] == prior
    with pytest.raises(SpecError, match=r"priors\.spend_first: first_amounts is false"):
        ltv.ModelSpec(priors={"spend_first": prior}, spend=ltv.SpendSpec(first_amounts=False))


def test_their_level_is_shared_over_groups_unless_it_is_pooled():
    spec = ltv.ModelSpec(groups=("channel",))
    assert spec.pooled_columns("spend_first") == ()
    assert ltv.ModelSpec(groups=("channel",), pooling={"spend_first": ltv.Pooling()}).pooled_columns(
        "spend_first"
    ) == ("channel",)


def test_a_summary_without_any_is_fitted_without_them_and_said_so(world):
    frame = world[["customer_id", "frequency", "recency", "T", "monetary_value"]]
    for bare in (frame, world.drop(columns="value_to_date").assign(first_amount=np.nan)):
        with pytest.warns(BayesltvWarning, match="the summary has no first amounts"):
            problem = make_problem(bare, ltv.ModelSpec(), time_unit="week")
        assert problem.spec.spend == ltv.SpendSpec(first_amounts=False)
        assert problem.cells.spend.count.min() > 0


# ------------------------------------------------------------------------------------------------- likelihood


def rows_of(summary, form, with_first=True):
    if form == "mean":
        summary = summary.drop(columns=["spend_count", "spend_sum", "spend_log_sum"])
    return make_cells(summary, ["group"], with_spend=True, with_first=with_first).spend


@pytest.fixture(scope="module")
def grouped(world):
    return world.assign(group=np.array(["a", "b", "c"])[np.arange(len(world)) % 3])


def by_customer(rows, form, parameters):
    own = parameters[:, rows.group]
    if form == "full":
        return gamma_gamma.log_likelihood_of_amounts(
            rows.count, rows.total, rows.log_total, *own, first=rows.first
        )
    return gamma_gamma.log_likelihood_of_mean(
        rows.count, rows.total / np.maximum(rows.count, 1), *own, first=rows.first
    )


@pytest.mark.parametrize("form", ["full", "mean"])
def test_the_collapsed_likelihood_is_the_sum_over_customers_and_its_gradient_that_of_differences(
    grouped, form
):
    rows = rows_of(grouped, form)
    data = tuple(spend_data(rows, 3).values())
    assert data[0].size < rows.count.size  # one-time buyers of one price are counted together
    rng = np.random.default_rng(3)
    parameters = np.array([[3.6], [4.5], [34.0], [0.8]]) * np.exp(0.3 * rng.standard_normal((4, 3)))
    value, gradient = spend_value_and_gradient(parameters, *data)
    assert value == pytest.approx(by_customer(rows, form, parameters).sum(), rel=1e-11)
    for at in np.ndindex(4, 3):
        step, sums = 1e-3 * parameters[at], 0.0
        for shift, weight in ((-2, 1), (-1, -8), (1, 8), (2, -1)):
            moved = parameters.copy()
            moved[at] += shift * step
            sums += weight * spend_value_and_gradient(moved, *data)[0]
        assert gradient[at] == pytest.approx(sums / (12 * step), rel=1e-6, abs=1e-5), at


@pytest.mark.parametrize("form", ["full", "mean"])
def test_without_them_only_repeaters_count(grouped, form):
    rows = rows_of(grouped, form, with_first=False)
    assert rows.count.size == (grouped["spend_count"] > 0).sum()
    three = np.array([[3.6, 3.0, 4.0], [4.5, 4.0, 5.0], [34.0, 30.0, 40.0]])
    value, gradient = spend_value_and_gradient(three, *spend_data(rows, 3).values())
    four = np.vstack([three, np.full(3, 0.7)])
    same, more = spend_value_and_gradient(four, *spend_data(rows, 3).values())
    assert (value, gradient.tolist(), [0.0] * 3) == (same, more[:3].tolist(), more[3].tolist())


def test_the_units_of_spend_are_all_customers_with_an_amount(world, fit):
    tree = ltv.log_likelihood(fit, world)
    values = tree["spend"]["log_likelihood"].values[0, 0]
    assert values.size == (world["first_amount"] > 0).sum()
    problem = make_problem(world, ltv.ModelSpec())
    point = np.array([[POINT[name]] for name in ("p", "q", "v", "delta")])
    whole = spend_value_and_gradient(point, *spend_data(problem.cells.spend, 1).values())[0]
    assert values.sum() == pytest.approx(whole, rel=1e-11)


# ---------------------------------------------------------------------------------------------------- scoring


def test_one_time_buyers_are_told_apart_by_what_they_spent(world, fit):
    scores = ltv.score(fit, world, ltv.load_decision("retention"), seed=1, draws=40)
    first, count, total = (world[name].fillna(0.0) for name in ("first_amount", "spend_count", "spend_sum"))
    p, q, v, delta = (POINT[name] for name in ("p", "q", "v", "delta"))
    expected = p * (v + total + first / delta) / (q + p * (count + (first > 0)) - 1)
    np.testing.assert_allclose(scores["expected_spend_per_purchase"], expected, rtol=1e-12)
    once = world["frequency"] == 0
    assert np.corrcoef(first[once], scores["ltv_mean"][once])[0, 1] > 0.5


def test_draws_of_spend_have_the_mean_that_first_amounts_say(fit):
    ids = [f"c{i}" for i in range(4000)]
    same = pd.DataFrame(
        {"customer_id": ids, "frequency": 0, "recency": 0.0, "T": 2.0, "monetary_value": np.nan,
         "spend_count": 0, "spend_sum": 0.0, "spend_log_sum": 0.0, "first_amount": 60.0}
    )  # fmt: skip
    drawn = ltv.predict(fit, same, seed=2, time_unit="week", **VALUE)
    mean = float(drawn["spend"].sum() / drawn["purchases"].sum())
    p, q, v, delta = (POINT[name] for name in ("p", "q", "v", "delta"))
    assert mean == pytest.approx(p * (v + 60 / delta) / (q + p - 1), rel=0.02)


def ways(fit, summary, log, **more):
    """Each question that takes a summary."""
    yield lambda: ltv.score(fit, summary, ltv.load_decision("retention"), seed=1, draws=20, **more)
    yield lambda: ltv.predict(fit, summary, seed=1, draws=20, **VALUE, **more)
    yield lambda: ltv.customer_base(fit, summary, seed=1, **more)
    yield lambda: ltv.decide(fit, summary, ltv.load_decision("retention"), seed=1, draws=20, **more)
    yield lambda: ltv.evaluate(fit, summary, log, horizon="8 weeks", draws=20, **more)


def bare(summary):
    """Spend statistics, and nothing that tells first amounts."""
    less = summary.drop(columns=["first_amount", "value_to_date"])
    less.attrs = {k: v for k, v in summary.attrs.items() if k != "fingerprint"}
    return less


def test_a_summary_without_them_is_scored_only_when_that_is_asked(world, fit):
    log = ltv.simulate_log(1500, seed=8, purchase=PURCHASE, spend=SPEND, observation_end="1997-12-31")
    for ask in ways(fit, bare(world).head(50), log):
        with pytest.raises(DataError, match=r"no column first_amount.*without_first_amounts=True"):
            ask()
    for ask in ways(fit, bare(world).head(50), log, without_first_amounts=True):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            ask()
        told = [str(each.message) for each in said]
        assert sum("all one-time buyers get the same spend per purchase" in each for each in told) == 1


@pytest.mark.filterwarnings("ignore:first amounts are left out")
def test_leaving_them_out_is_the_same_whether_or_not_they_are_there(world, fit):
    decision, some = ltv.load_decision("retention"), world.head(200)
    asked = {"seed": 1, "draws": 20, "without_first_amounts": True}
    tables = [ltv.score(fit, each, decision, **asked) for each in (some, bare(world).head(200))]
    pd.testing.assert_frame_equal(tables[0].drop(columns="value_to_date"), tables[1], check_like=True)
    assert tables[0].attrs["without_first_amounts"] is True
    once = tables[0]["frequency"] == 0
    assert tables[0].loc[once, "expected_spend_per_purchase"].nunique() == 1
    used = ltv.score(fit, some, decision, seed=1, draws=20)
    assert "without_first_amounts" not in used.attrs
    assert used.loc[once, "expected_spend_per_purchase"].nunique() > 10


def test_parts_of_a_file_ask_alike(world, fit, tmp_path):
    write_summary(bare(world).head(60), tmp_path / "summary.parquet")
    how = {"seed": 1, "draws": 20, "rows_per_part": 25}
    with pytest.raises(DataError, match="without_first_amounts=True"):
        ltv.score_to(fit, tmp_path / "summary.parquet", "retention", out=tmp_path / "one", **how)
    with pytest.warns(BayesltvWarning, match="first amounts are left out"):
        folder = ltv.score_to(
            fit, tmp_path / "summary.parquet", "retention", out=tmp_path / "two", without_first_amounts=True,
            **how,
        )  # fmt: skip
    with pytest.warns(BayesltvWarning, match="first amounts are left out"):
        whole = ltv.score(
            fit, bare(world).head(60), "retention", seed=1, draws=20, without_first_amounts=True
        )
    parts = pd.concat([pd.read_parquet(path) for path in sorted(folder.path.glob("part-*.parquet"))])
    np.testing.assert_array_equal(parts["ltv_mean"], whole["ltv_mean"])


def test_a_file_of_the_old_layout_is_scored_as_the_new_one(world, fit, tmp_path):
    some = world.head(60)
    for name, summary in (("old", old_layout(some)), ("new", some.assign())):
        summary.attrs = {k: v for k, v in summary.attrs.items() if name == "old" or k != "fingerprint"}
        summary.to_parquet(tmp_path / f"{name}.parquet")
        ltv.score_to(
            fit, tmp_path / f"{name}.parquet", "retention", out=tmp_path / name, seed=1, draws=20,
            rows_per_part=25,
        )  # fmt: skip
    old, new = (sorted((tmp_path / name).glob("part-*.parquet")) for name in ("old", "new"))
    assert [pd.read_parquet(path)["ltv_mean"].tolist() for path in old] == [
        pd.read_parquet(path)["ltv_mean"].tolist() for path in new
    ]


# ------------------------------------------------------------------------------------------ around the model


def test_simulated_first_orders_are_on_their_level():
    logs = [
        ltv.simulate_log(300, seed=3, purchase=PURCHASE, spend={**SPEND, "delta": delta}, round_to=None)
        for delta in (1.0, 2.0)
    ]
    is_first = ~logs[0].duplicated("customer_id")
    ratio = logs[1]["amount"] / logs[0]["amount"]
    np.testing.assert_allclose(ratio[is_first], 2.0)
    np.testing.assert_allclose(ratio[~is_first], 1.0)
    plain = ltv.simulate_log(
        300, seed=3, purchase=PURCHASE, spend={k: SPEND[k] for k in ("p", "q", "v")}, round_to=None
    )
    pd.testing.assert_frame_equal(plain, logs[0])
    by_group = ltv.simulate_log(
        {"a": 200, "b": 200}, seed=3, purchase=PURCHASE,
        spend={"a": {**SPEND, "delta": 1.0}, "b": {**SPEND, "delta": 9.0}},
    )  # fmt: skip
    first = by_group[~by_group.duplicated("customer_id")].groupby("group")["amount"].median()
    assert first["b"] > 5 * first["a"]


def test_the_level_of_first_orders_is_learned(world):
    fit = ltv.fit(world, "pooled", seed=1, method="laplace")
    delta = fit["posterior"]["delta"].values
    assert abs(np.log(delta).mean() - np.log(0.8)) < 3 * np.log(delta).std()
    assert np.log(delta).std() < 0.05
    assert json.loads(fit.attrs["spec"])["spend"] == {"family": "gamma_gamma", "first_amounts": True}
    assert int(fit.attrs["repeaters"]) == (world["spend_count"] > 0).sum()
    found = ltv.check(fit, world)["first_purchase_effect"]
    assert f"{np.exp(np.log(delta).mean()):.2f} times the repeat ones (delta of the fit)" in found.summary
    table = ltv.customer_base(fit, world, seed=1).posterior_predictive(draws=100).table
    rows = table.set_index("statistic").loc[
        ["typical first amount", "first and repeat amounts, correlation of logs"]
    ]
    assert rows["p_value"].between(0.005, 0.995).all()
    # repeats that are unlike the same customer's first amount are what the model cannot make
    shuffled = world.assign(
        first_amount=world["first_amount"].sample(frac=1, random_state=1).to_numpy(),
    ).drop(columns="value_to_date")
    found = ltv.customer_base(fit, shuffled, seed=1).posterior_predictive(draws=100).table
    alike = found.set_index("statistic").loc["first and repeat amounts, correlation of logs"]
    assert alike["p_value"] > 0.995


def test_a_level_in_the_fit_is_told_and_is_no_cause_to_warn(world):
    repeats = point_fit({k: v for k, v in POINT.items() if k != "delta"}, draws=20)
    high = world.assign(first_amount=world["first_amount"] * 3)
    high["value_to_date"] = high["spend_sum"] + high["first_amount"].fillna(0.0)
    assert first_purchase_effect(repeats, high).status == "warn"
    level = first_purchase_effect(point_fit({**POINT, "delta": 2.4}, draws=20), high)
    assert level.status == "pass"
    assert "2.40 times the repeat ones (delta of the fit)" in level.summary


def test_likelihoods_of_different_amounts_are_not_compared(world):
    both = {"with": ltv.ModelSpec(), "without": ltv.ModelSpec(spend=ltv.SpendSpec(first_amounts=False))}
    with pytest.raises(DataError, match="with use first amounts and without do not"):
        ltv.compare(world, both)
    checked = validate_summary(world)
    _require_same_amounts({"one": both["with"], "other": both["with"]}, checked)
    _require_same_amounts({"one": both["with"], "none": both["with"].without_spend()}, checked)


def test_pymc_marketing_has_no_place_for_it(world, fit):
    with pytest.raises(SpecError, match=r"first amounts \(delta\)"):
        ltv.to_pymc_marketing(fit, world)


def test_draws_without_it_are_those_of_a_model_without(world):
    plain = {k: v for k, v in POINT.items() if k != "delta"}
    rng = np.random.default_rng(1)
    draws = {k: v * np.exp(0.01 * rng.standard_normal((2, 30))) for k, v in plain.items()}
    tree = xr.DataTree.from_dict(
        {"posterior": xr.Dataset({k: (("chain", "draw"), v) for k, v in draws.items()})}
    )
    made = ltv.as_fit(tree, world, ltv.load_spec("pooled"))
    assert json.loads(made.attrs["spec"])["spend"] == {"family": "gamma_gamma"}


def test_a_stored_fit_that_lacks_its_level_is_refused(fit, world):
    broken = fit.copy()
    broken["posterior"] = fit["posterior"].to_dataset().drop_vars("delta")
    with pytest.raises(StoreError, match="its posterior lacks delta"):
        ltv.predict(sealed(broken), world, seed=1, **VALUE)


def test_rows_keep_who_bought_once(small):
    codes = np.zeros(len(small), np.int32)
    rows = spend_rows(validate_summary(small), codes, with_first=True)
    assert rows.customer.tolist() == [0, 1, 2, 3]
    assert rows.first.tolist() == [12.5, 0.0, 25.0, 7.0]
    assert rows.count.tolist() == [1, 1, 0, 0]
    assert replace(rows).of_repeaters.customer.tolist() == [0, 1]
    assert rows.unit == pytest.approx(np.sqrt(20 * 8))
