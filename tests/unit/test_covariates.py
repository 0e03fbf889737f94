"""Static covariates: coded as stated, recovered from simulated lives, carried into every prediction."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesltv as ltv
from bayesltv.base.covariates import with_covariates
from bayesltv.base.population import hyperparameters_of, read_posterior
from bayesltv.data.summary.cells import make_cells
from bayesltv.data.summary.design import Coding, design_of
from bayesltv.fitting.density import make_density
from bayesltv.specs.model.covariates import Covariate

AGE = Covariate(kind="numeric", round_to=1.0, on=("purchase_rate", "spend_typical"))
CHANNEL = Covariate(kind="categorical", reference="web", on=("purchase_rate", "dropout_mean"))
REPEATS = ltv.SpendSpec(first_amounts=False)
SPEC = ltv.ModelSpec(spend=REPEATS, covariates={"age": AGE, "channel": CHANNEL})
TRUTH = {"age on rate": 0.25, "app on rate": 0.4, "shop on dropout": 0.8, "age on spend": 0.2}


def lives(n=3000, seed=20240611):
    """Customers lived event by event, with effects on their own rate, dropout and spend: no model code."""
    rng = np.random.default_rng(seed)
    age, channel = rng.integers(-3, 4, n), rng.choice(["web", "shop", "app"], n)
    rate = rng.gamma(0.8, 1 / 8, n) * np.exp(TRUTH["age on rate"] * age)
    rate *= np.exp(TRUTH["app on rate"] * (channel == "app"))
    odds = 0.25 * np.exp(TRUTH["shop on dropout"] * (channel == "shop"))
    leaves = rng.beta(5 * odds / (1 + odds), 5 / (1 + odds))
    scale = rng.gamma(4, 1 / (15 * np.exp(TRUTH["age on spend"] * age)))
    rows = []
    for i in range(n):
        observed, now, amounts, last = int(rng.integers(26, 39)), 0.0, [], 0.0
        while (now := now + rng.exponential(1 / rate[i])) <= observed:
            last = now
            amounts.append(rng.gamma(6, 1 / scale[i]))
            if rng.random() < leaves[i]:
                break
        count, total = len(amounts), float(np.sum(amounts))
        mean = total / count if count else np.nan
        rows.append((f"c{i}", count, last, observed, mean, count, total, float(np.sum(np.log(amounts)))))
    columns = ["customer_id", "frequency", "recency", "T", "monetary_value"]
    frame = pd.DataFrame(rows, columns=[*columns, "spend_count", "spend_sum", "spend_log_sum"])
    frame = frame.assign(age=age + 40.0, channel=channel)
    frame.attrs = {"time_unit": "week"}
    return frame


@pytest.fixture(scope="module")
def summary():
    return lives()


@pytest.fixture(scope="module")
def fit(summary, once):
    with pytest.warns(ltv.BayesltvWarning, match=r"cells for 3,000 customers .*round_to"):
        make = ltv.build_model(summary, SPEC)
    assert make is not None

    def fitted():
        with pytest.warns(ltv.BayesltvWarning, match="round_to"):
            return ltv.fit(summary, SPEC, seed=5, method="laplace")

    return once("covariates", fitted)


def test_signs_and_sizes_of_effects_are_recovered_from_simulated_lives(fit, summary):
    posterior, sd = fit["posterior"], summary["age"].std(ddof=0)
    found = {
        "age on rate": posterior["purchase_rate_covariates"].sel(purchase_rate_covariate="age") / sd,
        "app on rate": posterior["purchase_rate_covariates"].sel(purchase_rate_covariate="channel=app"),
        "shop on dropout": posterior["dropout_mean_covariates"].sel(dropout_mean_covariate="channel=shop"),
        "age on spend": posterior["spend_typical_covariates"].sel(spend_typical_covariate="age") / sd,
    }
    for name, draws in found.items():
        assert abs(float(draws.mean()) - TRUTH[name]) < 4 * float(draws.std()), name
        assert float((draws > 0).mean()) > 0.99, name
    none = posterior["purchase_rate_covariates"].sel(purchase_rate_covariate="channel=shop")
    assert abs(float(none.mean())) < 4 * float(none.std())


def test_the_scales_are_those_of_the_mean_and_reference_customer(fit):
    posterior = fit["posterior"]
    rate = posterior["r"] / posterior["alpha"]
    np.testing.assert_allclose(rate.values, posterior["purchase_rate"].values, rtol=1e-12)
    assert float(rate.mean()) == pytest.approx(0.1, rel=0.25)  # web, age 40


def test_zero_effects_reproduce_the_model_without_covariates(summary):
    plain = make_density(ltv.build_model(summary, ltv.ModelSpec(spend=REPEATS)))
    with pytest.warns(ltv.BayesltvWarning, match="round_to"):
        model = ltv.build_model(summary, SPEC)
    density = make_density(model)
    inner = plain.start + 0.3 * np.random.default_rng(2).standard_normal(plain.size)
    values, parts = iter(inner), []
    for variable in model.continuous_value_vars:
        size = np.size(model.initial_point(0)[variable.name])
        parts.append(np.zeros(size) if "_covariates" in variable.name else [next(values)])
    whole = np.concatenate(parts)
    assert density.size == plain.size + 6
    expected = plain(inner)[0] + 6 * stats.norm.logpdf(0.0, scale=0.5)
    assert density(whole)[0] == pytest.approx(expected, rel=1e-10)


def test_a_customer_is_predicted_with_the_parameters_of_their_covariates(fit, summary):
    posterior = read_posterior(fit)
    some = summary.iloc[:50]
    population, rows = with_covariates(
        posterior, hyperparameters_of(posterior).as_population(), some, np.zeros(50, np.int32)
    )
    mean, sd = summary["age"].mean(), summary["age"].std(ddof=0)
    beta = fit["posterior"]["purchase_rate_covariates"].stack(sample=("chain", "draw"))
    at = list(some["channel"]).index("app")
    z = (some["age"].iloc[at] - mean) / sd
    moved = np.exp(
        z * beta.sel(purchase_rate_covariate="age").values
        + beta.sel(purchase_rate_covariate="channel=app").values
    )
    r, alpha, _, _ = population.purchase[:, rows[at]]
    base = posterior.purchase[0, 0] / posterior.purchase[1, 0]
    np.testing.assert_allclose(r / alpha, base * moved, rtol=1e-10)
    assert population.purchase.shape[1] < 22  # 7 ages, 3 channels


def test_predictions_and_scores_follow_the_covariates_whatever_the_order_of_rows(fit, summary):
    terms = {"horizon": "39 weeks", "annual_discount_rate": 0.1, "margin": 0.3, "seed": 1, "draws": 100}
    some = summary.iloc[:300].assign(frequency=0, recency=0.0, monetary_value=np.nan, spend_count=0)
    some = some.assign(spend_sum=0.0, spend_log_sum=0.0, T=10.0)
    draws = ltv.predict(fit, some, **terms)["purchases"].mean(("chain", "draw")).values
    by_age = pd.Series(draws).groupby(some["age"].to_numpy()).mean()
    assert by_age[43.0] > 1.5 * by_age[37.0]
    shuffled = some.sample(frac=1.0, random_state=3)
    shuffled.attrs = some.attrs
    again = ltv.predict(fit, shuffled, **terms)["purchases"].sel(customer_id=some["customer_id"].to_numpy())
    np.testing.assert_array_equal(again.mean(("chain", "draw")).values, draws)
    scores = ltv.score(fit, some, ltv.load_decision("retention"), seed=1, draws=100)
    np.testing.assert_allclose(scores["expected_purchases"].groupby(some["age"]).mean(), by_age, rtol=0.4)
    assert int(scores.totals["customers"].sum()) == 300
    assert ltv.loo(fit, summary)["purchase"].n_data_points == 3000


def test_nobody_is_scored_with_the_columns_that_somebody_has(fit, summary):
    options = {"seed": 1, "draws": 20}
    nobody = ltv.score(fit, summary.iloc[:0], ltv.load_decision("retention"), **options)
    somebody = ltv.score(fit, summary.iloc[:3], ltv.load_decision("retention"), **options)
    assert nobody.dtypes.equals(somebody.dtypes)


def test_the_transform_is_stored_with_the_fit(fit, summary):
    stored = ltv.ModelSpec.from_dict(json.loads(fit.attrs["spec"]))
    assert stored.covariates["age"].mean == pytest.approx(summary["age"].mean())
    assert stored.covariates["age"].sd == pytest.approx(summary["age"].std(ddof=0))
    assert stored.covariates["channel"].levels == ("app", "shop")
    assert stored.hash() == fit.attrs["spec_hash"]
    assert {"purchase_rate_covariates", "dropout_mean_covariates"} <= set(fit["log_prior"].data_vars)


def test_cells_are_keyed_by_group_and_covariates(cdnow):
    frame = cdnow.assign(half=np.arange(len(cdnow)) % 2)
    design = design_of(frame, [Coding("half", "numeric").learned(frame)])
    cells = make_cells(frame, ["cohort"], with_spend=True, design=design)
    plain = make_cells(frame, ["cohort"], with_spend=True)
    keys = ["cohort", "half", "frequency", "recency", "T"]
    assert cells.purchase.count.size == len(frame.drop_duplicates(keys))
    assert cells.purchase.count.sum() == plain.purchase.count.sum() == len(frame)
    assert cells.rows.group.size == 2 * len(plain.rows.group)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns="age"), "covariate 'age' is not in the summary"),
        (lambda frame: frame.assign(age=frame["age"].where(frame.index != 3)), "missing for 1 of .*c3"),
        (lambda frame: frame.assign(age=np.inf), "infinite for"),
        (lambda frame: frame.assign(age="old"), "not numeric"),
        (lambda frame: frame.assign(channel=["fax", *frame["channel"][1:]]), "'fax' not in the fit for 1 of"),
    ],
)
def test_bad_covariates_are_refused_before_scoring(fit, summary, change, message):
    some = change(summary.iloc[:20])
    some.attrs = summary.attrs
    with pytest.raises(ltv.DataError, match=message):
        ltv.score(fit, some, ltv.load_decision("retention"), seed=1, draws=20)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.assign(age=30.0), "is 30 for every customer"),
        (lambda frame: frame.assign(channel="web"), "'web' for every customer"),
        (lambda frame: frame[frame["channel"] != "web"], "no customer has the reference 'web'"),
    ],
)
def test_covariates_that_tell_nothing_are_refused_before_sampling(summary, change, message):
    some = change(summary)
    some.attrs = summary.attrs
    with pytest.raises(ltv.DataError, match=message):
        ltv.build_model(some, SPEC)


def test_too_many_different_rows_are_refused_with_the_cure(fit, summary):
    posterior = read_posterior(fit)
    spec = replace(
        posterior.spec, covariates={"age": replace(posterior.spec.covariates["age"], round_to=None)}
    )
    many = pd.DataFrame({"customer_id": "x", "age": np.linspace(20, 60, 50_000), "channel": "web"})
    with pytest.raises(ltv.DataError, match=r"50,000 different rows .*round_to"):
        with_covariates(
            replace(posterior, spec=spec),
            hyperparameters_of(posterior).as_population(),
            many,
            np.zeros(len(many), np.int32),
        )


def test_a_file_states_covariates_with_reasons(tmp_path):
    text = (
        '[model]\ngroups = []\n[purchase]\nfamily = "bg_nbd"\n[covariates.age]\nkind = "numeric"\n'
        'on = ["purchase_rate"]\nround_to = 5\nsigma = 0.4\nwhy = "a decade moves little"\n'
    )
    path = tmp_path / "spec.toml"
    path.write_text(text)
    spec = ltv.load_spec(path)
    assert spec.covariates["age"] == Covariate(
        kind="numeric", on=("purchase_rate",), round_to=5.0, sigma=0.4, why="a decade moves little"
    )
    assert ltv.ModelSpec.from_dict(spec.to_dict()) == spec
    path.write_text(text.replace("round_to", "roundto"))
    with pytest.raises(ltv.SpecError, match=r"covariates.age.*round_to"):
        ltv.load_spec(path)
    path.write_text(text.replace('why = "a decade moves little"\n', ""))
    with pytest.raises(ltv.SpecError, match="why"):
        ltv.load_spec(path)


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"kind": "categorical"}, "reference"),
        ({"kind": "numeric", "reference": "a"}, "categorical"),
        ({"kind": "numeric", "on": ("purchase_shape",)}, "purchase_shape"),
        ({"kind": "numeric", "sigma": 0.0}, "sigma"),
        ({"kind": "ordinal"}, "kind"),
    ],
)
def test_impossible_covariates_are_refused(stated, message):
    with pytest.raises(ltv.SpecError, match=message):
        Covariate(**stated)


def test_a_covariate_on_spend_needs_spend_and_a_name_of_its_own():
    with pytest.raises(ltv.SpecError, match="no spend"):
        ltv.ModelSpec(spend=None, covariates={"age": AGE})
    with pytest.raises(ltv.SpecError, match="group"):
        ltv.ModelSpec(groups=("channel",), covariates={"channel": CHANNEL})


def test_new_customers_of_a_fit_with_covariates_are_worth_the_mean_of_those_one_has(fit, summary):
    value = ltv.ValueSpec(horizon="39 weeks", annual_discount_rate=0.1, margin=0.3)
    decision = ltv.DecisionSpec(value=value, acquisition=ltv.AcquisitionSpec(cac=5.0))
    few = {"seed": 1, "draws": 20}
    plan = ltv.decide(fit, summary, decision, **few)
    parts = summary.groupby("channel", sort=False)
    worth = [ltv.decide(fit, part, decision, **few).acquisition["ltv_new"].iloc[0] for _, part in parts]
    whole = plan.acquisition["ltv_new"].iloc[0]
    assert whole == pytest.approx(np.average(worth, weights=parts.size()), rel=1e-9)
    assert max(worth) / min(worth) > 1.2  # channels differ
    assert plan.next_unit["use"].tolist() == ["acquisition: all"]
