"""Fits that change hands with pymc-marketing mean the same on both sides."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from pymc_marketing.clv import (
    BetaGeoBetaBinomModel,
    BetaGeoModel,
    GammaGammaModel,
    ModifiedBetaGeoModel,
    ParetoNBDModel,
)

import bayesltv as ltv
from bayesltv.families.gamma_gamma.formulas import expected_spend
from bayesltv.numerics.quadrature import work_space
from beta_geometric import expected_over_horizon, p_alive
from helpers import sealed

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
TERMS = {"horizon": "39 weeks", "annual_discount_rate": 0.0, "margin": 1.0, "seed": 3}
POINT = {"accept_failed": ["rhat", "ess_bulk", "ess_tail"]}


@pytest.fixture(scope="module")
def few(cdnow):
    """Return 150 customers with all attributes: rows out of order, ids as text with zeros in front."""
    return cdnow.iloc[np.random.default_rng(1).permutation(len(cdnow))[:150]].reset_index(drop=True)


def tree_of(model_type, seed, *, chains=2, draws=40, stats=True, **centre):
    """Return what a fitted model of pymc-marketing holds, without fitting one."""
    rng = np.random.default_rng(seed)
    shape = (chains, draws)
    posterior = {
        name: (("chain", "draw"), value * np.exp(0.05 * rng.standard_normal(shape)))
        for name, value in centre.items()
    }
    nodes = {"posterior": xr.Dataset(posterior)}
    if stats:
        flags = np.zeros(shape, bool)
        energy = rng.standard_normal(shape)
        nodes["sample_stats"] = xr.Dataset(
            {
                "diverging": (("chain", "draw"), flags),
                "energy": (("chain", "draw"), energy),
                "maxdepth_reached": (("chain", "draw"), flags),
            }
        )
    tree = xr.DataTree.from_dict(nodes)
    tree.attrs["model_type"] = model_type
    return tree


PURCHASE = {"r": 0.24, "alpha": 4.4, "a": 0.79, "b": 2.4}
SPEND = {"p": 6.2, "q": 3.7, "v": 15.4}


def bg(seed=1, **settings):
    return tree_of("BG/NBD", seed, **PURCHASE, **settings)


def gamma_gamma(seed=2, **settings):
    return tree_of("Gamma-Gamma Model (Mean Transactions)", seed, **SPEND, **settings)


# ---- there and back


@pytest.mark.parametrize("family", ["bg_nbd", "mbg_nbd"])
def test_a_fit_handed_over_has_the_same_expectations_in_every_draw(family, pooled_fit, cdnow):
    fit = pooled_fit.isel(chain=[0], draw=slice(None, None, 100))
    spec = json.loads(fit.attrs["spec"])
    spec["purchase"]["family"] = family
    fit = sealed(fit, spec=json.dumps(spec))
    model, spend = ltv.to_pymc_marketing(fit, cdnow, drop_delta=True)
    assert type(model) is {"bg_nbd": BetaGeoModel, "mbg_nbd": ModifiedBetaGeoModel}[family]
    theirs = model.expected_purchases(future_t=39.0).transpose("customer_id", "chain", "draw")
    assert theirs["customer_id"].values.tolist() == cdnow["customer_id"].tolist()
    ours, work = np.empty(theirs.shape), work_space()
    theta = [fit["posterior"][name].values[0] for name in PURCHASE]
    for i, (x, t_x, T) in enumerate(cdnow[["frequency", "recency", "T"]].to_numpy(float)):
        coins = x + (family == "mbg_nbd")
        alive = p_alive(x, coins, t_x, T, *theta)
        for d, (r, alpha, a, b) in enumerate(zip(*theta, strict=True)):
            given_alive = expected_over_horizon(39.0, 0.0, r + x, alpha + T, a, b + coins, work)[0]
            ours[i, 0, d] = alive[d] * given_alive
    assert theirs.values == pytest.approx(ours, rel=1e-8)
    rows = cdnow[cdnow["spend_count"] > 0]
    mean = spend.expected_customer_spend(data=spend.data).transpose("customer_id", "chain", "draw")
    parameters = [fit["posterior"][name].values[0] for name in SPEND]
    count, total = (rows[name].to_numpy(float)[:, None] for name in ("spend_count", "spend_sum"))
    assert mean.values[:, 0] == pytest.approx(expected_spend(count, total, *parameters), rel=1e-8)


def test_there_and_back_is_the_same_fit_draw_by_draw(pooled_fit, few):
    fit = sealed(pooled_fit.isel(draw=slice(None, None, 50)))
    again = ltv.from_pymc_marketing(
        *ltv.to_pymc_marketing(fit, few, drop_delta=True), time_unit="week", observation_end="1997-09-30"
    )
    with pytest.warns(ltv.BayesltvWarning, match="first amounts are left out"):
        before = ltv.predict(fit, few, without_first_amounts=True, **TERMS)
    after = ltv.predict(again, few, **TERMS)
    for name in ("alive", "purchases", "spend", "value"):
        assert (before[name].values == after[name].values).all()
    assert again["constant_data"]["count"].sum() == len(few)


def test_a_grouped_fit_cannot_be_handed_over(grouped_laplace_fit, cdnow):
    with pytest.raises(ltv.SpecError, match=r"groups \(cohort\)"):
        ltv.to_pymc_marketing(grouped_laplace_fit, cdnow)


# ---- taking over


@pytest.fixture(scope="module")
def by_map(few):
    """Return point estimates that pymc-marketing itself has made."""
    purchase, spend = BetaGeoModel(), GammaGammaModel()
    data = few[["customer_id", "frequency", "recency", "T", "monetary_value"]].copy()
    purchase.fit(data.drop(columns="monetary_value"), method="map", progressbar=False)
    spend.fit(data[data["frequency"] > 0].drop(columns=["recency", "T"]), method="map", progressbar=False)
    return purchase, spend


def test_point_estimates_are_taken_over_and_refused_by_the_gate_until_accepted(by_map, few):
    fit = ltv.from_pymc_marketing(*by_map, time_unit="week", observation_end="1997-09-30", currency="USD")
    assert fit.attrs["method"] == "pymc_marketing"
    assert json.loads(fit.attrs["pymc_marketing"])["purchase model"]["method"] == "map"
    assert (fit["posterior"]["alpha"].values == by_map[0].fit_result["alpha"].values).all()
    report = ltv.check(fit)
    assert [result.name for result in report.failed] == ["rhat", "ess_bulk", "ess_tail"]
    decision = ltv.load_decision("retention")
    with pytest.raises(ltv.CheckFailed, match="r, alpha, a, b, p, q, v: a single point"):
        ltv.score(fit, few, decision, seed=1)
    scores = ltv.score(fit, few, decision, seed=1, **POINT)
    theirs = by_map[0].expected_probability_alive().isel(chain=0, draw=0)
    assert scores["p_alive"].to_numpy() == pytest.approx(
        theirs.sel(customer_id=scores["customer_id"].to_numpy()).values, rel=1e-9
    )


@pytest.mark.slow
def test_a_sampled_fit_is_taken_over_with_its_chains_and_scores(few):
    purchase, spend = ModifiedBetaGeoModel(), GammaGammaModel()
    data = few[["customer_id", "frequency", "recency", "T", "monetary_value"]].copy()
    settings = {"chains": 4, "cores": 1, "tune": 500, "progressbar": False, "random_seed": 1}
    purchase.fit(data.drop(columns="monetary_value"), draws=600, **settings)
    spend.fit(data[data["frequency"] > 0].drop(columns=["recency", "T"]), draws=500, **settings)
    fit = ltv.from_pymc_marketing(purchase, spend, time_unit="week", observation_end="1997-09-30")
    assert fit["posterior"].sizes == {"chain": 4, "draw": 500}
    report = ltv.check(fit)
    assert report.passed, report.table.to_string()
    assert report["divergences"].status == "pass"
    assert report["ebfmi"].status == "pass"
    # 150 customers leave q <= 1 possible, and with it an infinite mean of those who never came back
    with pytest.warns(ltv.BayesltvWarning, match="expected spend is infinite for"):
        scores = ltv.score(fit, few, ltv.load_decision("retention"), seed=1)
    assert scores.shape[0] == len(few)


def test_draws_are_paired_by_index_and_the_longer_chain_is_thinned():
    purchase, spend = bg(draws=100), gamma_gamma(draws=40)
    fit = ltv.from_pymc_marketing(purchase, spend, time_unit="week")
    kept = (np.arange(40) * 100) // 40
    for name in PURCHASE:
        assert (fit["posterior"][name].values == purchase["posterior"][name].values[:, kept]).all()
    for name in SPEND:
        assert (fit["posterior"][name].values == spend["posterior"][name].values).all()


def test_a_point_goes_with_every_draw_of_the_other():
    fit = ltv.from_pymc_marketing(bg(), gamma_gamma(chains=1, draws=1, stats=False), time_unit="week")
    assert fit["posterior"].sizes == {"chain": 2, "draw": 40}
    assert np.ptp(fit["posterior"]["p"].values) == 0
    assert "p, q, v: a single point" in ltv.check(fit)["rhat"].summary


def test_divergences_that_thinning_leaves_out_still_count():
    purchase, spend = bg(draws=100), gamma_gamma(draws=40)
    purchase["sample_stats"]["diverging"].values[1, 99] = True  # after the last draw kept
    spend["sample_stats"]["diverging"].values[0, 7] = True
    fit = ltv.from_pymc_marketing(purchase, spend, time_unit="week")
    assert ltv.check(fit)["divergences"].value == 2
    assert ltv.check(fit)["divergences"].status == "fail"


def test_the_worse_energy_of_the_two_is_judged():
    spend = gamma_gamma(draws=400)
    spend["sample_stats"]["energy"].values[:] = np.cumsum(spend["sample_stats"]["energy"].values, axis=1)
    fit = ltv.from_pymc_marketing(bg(draws=400), spend, time_unit="week")
    assert ltv.check(fit)["ebfmi"].status == "fail"


def test_the_stored_spec_says_whose_priors_were_used():
    spec = json.loads(ltv.from_pymc_marketing(bg(), time_unit="week").attrs["spec"])
    assert spec["model"]["title"] == "BG/NBD from pymc-marketing"
    assert "spend" not in spec
    assert all(prior["why"].startswith("not used") for prior in spec["priors"].values())


def test_a_fit_taken_over_survives_the_disk(tmp_path, few):
    fit = ltv.from_pymc_marketing(bg(), gamma_gamma(), time_unit="week")
    again = ltv.load(ltv.save(fit, tmp_path / "fit.nc"))
    assert ltv.predict(again, few, **TERMS).equals(ltv.predict(fit, few, **TERMS))


# ---- bad input


def broken(name, value):
    tree = bg()
    tree["posterior"][name].values[0, 0] = value
    return tree


@pytest.mark.parametrize(
    ("purchase", "spend", "error", "said"),
    [
        (BetaGeoModel(), None, ltv.FitError, "has not been fitted"),
        (bg(), GammaGammaModel(), ltv.FitError, "spend model .* has not been fitted"),
        (ParetoNBDModel(), None, ltv.FitError, "has not been fitted"),
        (BetaGeoBetaBinomModel(), None, ltv.SpecError, "only BG/NBD and MBG/NBD and Pareto/NBD"),
        (gamma_gamma(), None, ltv.SpecError, "the purchase model is Gamma-Gamma"),
        (bg(), bg(), ltv.SpecError, "the spend model is BG/NBD"),
        (pd.DataFrame(), None, ltv.SpecError, "DataFrame"),
        (bg(), gamma_gamma(chains=3), ltv.FitError, r"numbers of chains \(the purchase model 2"),
        (bg(stats=False), None, ltv.FitError, "no sample_stats"),
        (broken("alpha", np.nan), None, ltv.FitError, "1 of 320 draws"),
        (broken("a", -1.0), None, ltv.FitError, "not positive and finite"),
    ],
)
def test_what_cannot_be_taken_over_is_refused(purchase, spend, error, said):
    with pytest.raises(error, match=said):
        ltv.from_pymc_marketing(purchase, spend, time_unit="week")


def test_covariates_are_refused():
    tree = bg()
    wide = tree["posterior"]["alpha"].expand_dims(customer_id=["1", "2"])
    tree["posterior"] = xr.DataTree(tree["posterior"].to_dataset().assign(alpha=wide))
    with pytest.raises(ltv.SpecError, match="covariates"):
        ltv.from_pymc_marketing(tree, time_unit="week")


def test_an_unknown_time_unit_is_refused():
    with pytest.raises(ltv.DataError, match="fortnight"):
        ltv.from_pymc_marketing(bg(), time_unit="fortnight")
