"""Other implementations as oracles: pymc-marketing at random parameters, lifetimes, published tables."""

import warnings

import numpy as np
import pandas as pd
import pymc as pm
import pytest
import xarray as xr
from pymc_marketing import clv
from pymc_marketing.clv.distributions import BetaGeoNBD, ModifiedBetaGeoNBD
from scipy.optimize import minimize
from scipy.special import expit

import bayesltv as ltv
import beta_geometric
from bayesltv.families.bg_nbd import natural as purchase_parameters
from bayesltv.families.gamma_gamma import formulas as gamma_gamma
from bayesltv.families.gamma_gamma import natural as spend_parameters
from bayesltv.families.registry import PURCHASE as FAMILIES
from bayesltv.fitting.density import make_density
from bayesltv.names import DROPOUT_MEAN, PURCHASE_SCALES, SPEND_SCALES
from bayesltv.numerics.quadrature import work_space
from beta_geometric import expected_over_horizon

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
HORIZON = 13.0
SETS = 40
PURCHASE, SPEND = ("r", "alpha", "a", "b"), ("p", "q", "v")

# ---- pymc-marketing, at parameters drawn over the range that any log has been seen to have


@pytest.fixture(scope="module")
def random_sets():
    """Return SETS parameter vectors, log-uniform, and 200 histories, busy and silent ones."""
    rng = np.random.default_rng(7)
    bounds = {
        "r": (0.1, 4), "alpha": (0.5, 40), "a": (0.1, 4), "b": (0.3, 10),
        "p": (0.8, 12), "q": (1.5, 12), "v": (1, 100),
    }  # fmt: skip
    theta = {name: np.exp(rng.uniform(*np.log(each), SETS)) for name, each in bounds.items()}
    frequency = np.concatenate([np.zeros(40, int), rng.integers(1, 6, 120), rng.integers(6, 60, 40)])
    T = rng.uniform(5, 80, 200)
    recency = np.where(frequency > 0, T * rng.uniform(0.02, 1, 200), 0.0)
    mean = np.exp(rng.normal(3, 1, 200))
    ids = [f"c{i:03d}" for i in rng.permutation(200)]
    data = {"customer_id": ids, "frequency": frequency, "recency": recency, "T": T, "monetary_value": mean}
    return theta, pd.DataFrame(data)


def told(model, data, theta, names):
    """Return the model with these parameters for its posterior."""
    model.build_model(data)
    draws = {name: (("chain", "draw"), theta[name][None, :]) for name in names}
    model.idata = xr.DataTree.from_dict({"posterior": xr.Dataset(draws)})
    return model


@pytest.fixture(scope="module", params=["bg_nbd", "mbg_nbd"])
def oracle(request, random_sets):
    theta, data = random_sets
    model = {"bg_nbd": clv.BetaGeoModel, "mbg_nbd": clv.ModifiedBetaGeoModel}[request.param]()
    return FAMILIES[request.param], told(model, data.drop(columns="monetary_value"), theta, PURCHASE)


def by_customer(array):
    return array.transpose("customer_id", "chain", "draw").values[:, 0]


def columns(data, *names):
    return [data[name].to_numpy(float)[:, None] for name in names]


def test_likelihoods_of_any_history_are_those_of_pymc_marketing(oracle, random_sets):
    family, _ = oracle
    theta, data = random_sets
    distribution = {"bg_nbd": BetaGeoNBD, "mbg_nbd": ModifiedBetaGeoNBD}[family.name]
    rows = data.loc[data.index.repeat(SETS), ["recency", "frequency", "T"]].to_numpy(float)
    parameters = {name: np.tile(theta[name], len(data)) for name in PURCHASE}
    want = pm.logp(distribution.dist(**parameters, T=rows[:, 2]), rows[:, :2]).eval()
    t_x, x, T = rows.T
    got = beta_geometric.log_likelihood(x, family.coins(x), t_x, T, *parameters.values())
    assert got == pytest.approx(want, rel=1e-9, abs=1e-10)


def test_expected_purchases_of_any_history_are_those_of_pymc_marketing(oracle, random_sets):
    family, model = oracle
    theta, data = random_sets
    theirs = by_customer(model.expected_purchases(future_t=HORIZON))
    ours, work = np.empty(theirs.shape), work_space()
    for i, (x, t_x, T) in enumerate(data[["frequency", "recency", "T"]].to_numpy(float)):
        for d, (r, alpha, a, b) in enumerate(zip(*(theta[name] for name in PURCHASE), strict=True)):
            alive = beta_geometric.p_alive(x, family.coins(x), t_x, T, r, alpha, a, b)
            rest = expected_over_horizon(HORIZON, 0.0, r + x, alpha + T, a, b + family.coins(x), work)
            ours[i, d] = alive * rest[0]
    # theirs is 0/0 at a = 1, and loses digits to cancellation near it
    assert ours == pytest.approx(theirs, rel=1e-8, abs=1e-11)


def test_alive_probabilities_of_any_history_are_those_of_pymc_marketing(oracle, random_sets):
    family, model = oracle
    theta, data = random_sets
    x, t_x, T = columns(data, "frequency", "recency", "T")
    got = beta_geometric.p_alive(x, family.coins(x), t_x, T, *(theta[name] for name in PURCHASE))
    assert got == pytest.approx(by_customer(model.expected_probability_alive()), rel=1e-9, abs=1e-12)


def test_expected_purchases_of_a_newcomer_are_those_of_pymc_marketing(oracle, random_sets):
    family, model = oracle
    theta, _ = random_sets
    one = pd.DataFrame({"customer_id": ["new"]})
    theirs = model.expected_purchases_new_customer(data=one, t=HORIZON)
    work, coins = work_space(), family.coins(0)
    ours = [
        beta_geometric.p_alive(0, coins, 0, 0, r, alpha, a, b)
        * expected_over_horizon(HORIZON, 0.0, r, alpha, a, b + coins, work)[0]
        for r, alpha, a, b in zip(*(theta[name] for name in PURCHASE), strict=True)
    ]
    assert np.array(ours) == pytest.approx(np.ravel(theirs.values), rel=1e-8)


def test_likelihood_and_expectation_of_mean_spend_are_those_of_pymc_marketing(random_sets):
    theta, data = random_sets
    rows = data[data["frequency"] > 0][["customer_id", "frequency", "monetary_value"]]
    model = told(clv.GammaGammaModel(), rows, theta, SPEND)
    logp = model.model.compile_logp(vars=model.model["likelihood"], sum=False, jacobian=False)
    x, mean = columns(rows, "frequency", "monetary_value")
    parameters = [theta[name] for name in SPEND]
    ours = gamma_gamma.log_likelihood_of_mean(x, mean, *parameters)
    for d in range(SETS):
        point = {f"{name}_log__": np.log(theta[name][d]) for name in SPEND}
        assert ours[:, d] == pytest.approx(logp(point)[0], rel=1e-9, abs=1e-9)
    theirs = by_customer(model.expected_customer_spend(data=rows))
    assert gamma_gamma.expected_spend(x, x * mean, *parameters) == pytest.approx(theirs, rel=1e-10)


# ---- lifetimes: its maximum of the likelihood is the mode of our posterior under flat priors

WIDE = ltv.PriorSpec("HalfNormal", {"sigma": 1e5})
FLAT = dict.fromkeys((*PURCHASE_SCALES, *SPEND_SCALES), WIDE) | {
    DROPOUT_MEAN: ltv.PriorSpec("Uniform", {"lower": 0.0, "upper": 1.0})
}


def mode(model):
    """Return the scales at the mode of their own density, not of that of their logs and log odds."""
    density = make_density(model)
    is_odds = np.array([value.name.endswith("_logodds__") for value in model.continuous_value_vars])

    def downhill(point):
        value, slope = density(point)
        if not (np.isfinite(value) and np.isfinite(slope).all()):
            return 1e100, np.zeros_like(point)
        share = expit(point)
        stretch = np.where(is_odds, np.log(share * (1 - share)), point)  # of exp and expit
        return stretch.sum() - value, np.where(is_odds, 1 - 2 * share, 1.0) - slope

    settings = {"maxiter": 1000, "ftol": 1e-15, "gtol": 1e-7}
    # from scales of 1: the middle of such priors is so far out that a line search may leave the support
    found = minimize(downhill, np.zeros(density.size), jac=True, method="L-BFGS-B", options=settings).x
    names = [value.name.rsplit("_", 3)[0] for value in model.continuous_value_vars]
    return dict(zip(names, np.where(is_odds, expit(found), np.exp(found)), strict=True))


@pytest.fixture(scope="module")
def lifetimes_fitters():
    with warnings.catch_warnings(action="ignore"):  # options of pandas that are no more
        import lifetimes
    return lifetimes


@pytest.mark.parametrize("family", ["bg_nbd", "mbg_nbd"])
def test_the_mode_under_flat_priors_is_the_maximum_of_lifetimes(family, cdnow, lifetimes_fitters):
    fitter = {"bg_nbd": "BetaGeoFitter", "mbg_nbd": "ModifiedBetaGeoFitter"}[family]
    theirs = (
        getattr(lifetimes_fitters, fitter)().fit(cdnow["frequency"], cdnow["recency"], cdnow["T"]).params_
    )
    with_spend = family == "bg_nbd"
    spec = ltv.ModelSpec(
        purchase=ltv.PurchaseSpec(family),
        spend=ltv.SpendSpec(first_amounts=False) if with_spend else None,
        priors={scale: FLAT[scale] for scale in (*PURCHASE_SCALES, *(SPEND_SCALES if with_spend else ()))},
    )
    means = cdnow.drop(columns=["spend_count", "spend_sum", "spend_log_sum"])
    scales = mode(ltv.build_model(means, spec))
    ours = purchase_parameters(scales)
    for name in PURCHASE:
        assert ours[name] == pytest.approx(theirs[name], rel=1e-3), name
    if with_spend:
        rows = cdnow[cdnow["monetary_value"] > 0]
        theirs = lifetimes_fitters.GammaGammaFitter().fit(rows["frequency"], rows["monetary_value"]).params_
        ours = spend_parameters(scales)
        for name in SPEND:
            assert ours[name] == pytest.approx(theirs[name], rel=1e-3), name


# ---- the tables that came with the papers


def test_expected_repeat_purchases_over_time_are_those_of_the_published_spreadsheet():
    # Fader & Hardie's spreadsheet of BG/NBD at its maximum on the CDNOW sample; weeks since first purchase
    weeks, published = [0.1429, 1.0, 3.00, 31.8571, 32.00], [0.0078, 0.0532, 0.1506, 1.0405, 1.0437]
    r, alpha, a, b = 0.2425945, 4.413602, 0.792922, 2.425907
    got = [expected_over_horizon(t, 0.0, r, alpha, a, b, work_space())[0] for t in weeks]
    assert got == pytest.approx(published, abs=5e-5)


def test_conditional_mean_spend_is_that_of_the_published_note():
    # Fader & Hardie, note 025: the first ten customers of the CDNOW sample, in dollars and cents
    frequency = np.array([2, 1, 0, 0, 0, 7, 1, 0, 2, 0])
    mean = np.array([22.35, 11.77, 0, 0, 0, 73.74, 11.77, 0, 25.55, 0])
    published = [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17]
    got = gamma_gamma.expected_spend(frequency, frequency * mean, 6.24957, 3.74422, 15.44352)
    assert got == pytest.approx(published, abs=0.01)
