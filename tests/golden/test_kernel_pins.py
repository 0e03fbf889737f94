"""The kernels at published parameters and at the maxima of the CDNOW likelihood.

Pins: Fader, Hardie & Lee (2005) and Fader & Hardie, notes 004, 019, 021, 025, 027, 039; values verified by
simulation, quadrature or a second implementation before they were copied here. Weeks throughout.
"""

import numpy as np
import pytest

import beta_geometric
from bayesltv.data.datasets import load_cdnow
from bayesltv.data.log.summarize import summarize
from bayesltv.data.summary.cells import make_cells
from bayesltv.families.bg_nbd import BG_NBD, MBG_NBD
from bayesltv.families.cells import purchase_value_and_gradient
from bayesltv.families.gamma_gamma import formulas as gamma_gamma
from bayesltv.families.gamma_gamma.likelihood import spend_value_and_gradient
from bayesltv.model.likelihood import purchase_data, spend_data
from bayesltv.numerics.quadrature import work_space
from beta_geometric import expected_over_horizon, p_spend_above, purchase_probabilities, purchase_survival
from helpers import COIN_FAMILIES as FAMILIES

PUBLISHED = (0.243, 4.414, 0.793, 2.426)
SPEND_PUBLISHED = (6.25, 3.74, 15.44)
BG_MAXIMUM = (0.2425945, 4.413602, 0.792922, 2.425907)
MBG_MAXIMUM = (0.524843, 6.183083, 0.891359, 1.614003)
SPEND_MAXIMUM = (6.24957, 3.74422, 15.44352)
FULL_SPEND_MAXIMUM = (3.6100, 4.4862, 34.083)
MASTER_BG_MAXIMUM = (0.251624, 4.788943, 0.723434, 2.161088)
MASTER_SPEND_MAXIMUM = (6.27536, 3.62445, 14.98368)
MASTER_FULL_SPEND_MAXIMUM = (3.3856, 4.4761, 36.8711)


def log_likelihood(family, x, t_x, T, parameters):
    return beta_geometric.log_likelihood(x, family.coins(x), t_x, T, *parameters)


def future(x, t_x, T, horizon, parameters, family=BG_NBD):
    """Return P(alive) and P(X* = 0), P(X* = 1), ..."""
    r, alpha, a, b = parameters
    k = family.coins(x)
    alive = float(beta_geometric.p_alive(x, k, t_x, T, *parameters))
    return alive, purchase_probabilities(horizon, alive, r + x, alpha + T, a, b + k)


def mean_of(probabilities):
    return np.arange(probabilities.size) @ probabilities


# ---- single customers


def test_a_customer_with_two_repeats_has_the_published_future():
    alive, probabilities = future(2, 30.43, 38.86, 39.0, PUBLISHED)
    assert log_likelihood(BG_NBD, 2, 30.43, 38.86, PUBLISHED) == pytest.approx(-9.4586, abs=5e-5)
    assert alive == pytest.approx(0.72658, abs=5e-6)
    assert probabilities[:2] == pytest.approx([0.44537, 0.23932], abs=5e-6)
    mean = mean_of(probabilities)
    assert mean == pytest.approx(1.22603, abs=5e-6)
    variance = np.arange(probabilities.size) ** 2 @ probabilities - mean**2
    assert variance == pytest.approx(2.52894, abs=5e-6)


def test_a_customer_with_seven_repeats_has_the_published_future():
    alive, probabilities = future(7, 29.43, 38.86, 39.0, PUBLISHED)
    assert alive == pytest.approx(0.64176, abs=5e-6)
    assert mean_of(probabilities) == pytest.approx(3.33705, abs=5e-6)


def test_a_customer_who_never_came_back_has_the_published_likelihood():
    assert log_likelihood(BG_NBD, 0, 0.0, 38.86, PUBLISHED) == pytest.approx(-0.55471, abs=5e-6)


def test_the_likelihood_of_four_repeats_has_sixteen_published_digits_in_both_families():
    assert log_likelihood(BG_NBD, 4, 30.7, 38.9, PUBLISHED) == pytest.approx(-15.32935235570709, rel=1e-14)
    assert log_likelihood(MBG_NBD, 4, 30.7, 38.9, PUBLISHED) == pytest.approx(-15.487436077892465, rel=1e-14)


def test_two_hundred_repeats_do_not_overflow():
    assert log_likelihood(BG_NBD, 200, 38.0, 40.0, (0.25, 4, 0.8, 2.5)) == pytest.approx(100.79569, abs=5e-6)


# ---- discounting


@pytest.mark.parametrize(
    ("horizon", "pin"), [(26.0, 1.90628), (52.0, 3.22775), (104.0, 5.06632), (52.0 * 400, 11.9074)]
)
def test_discounted_purchases_are_the_published_ones(horizon, pin):
    r, alpha, a, b = 0.8, 4.0, 0.7, 2.5
    alive = beta_geometric.p_alive(2, 2, 18.0, 20.0, r, alpha, a, b)
    discounted = expected_over_horizon(horizon, 0.1 / 52, r + 2, alpha + 20, a, b + 2, work_space())[1]
    assert alive * discounted == pytest.approx(pin, abs=5e-5 if pin > 10 else 5e-6)


# ---- spend


def test_the_likelihood_of_a_mean_of_fifty_amounts_is_the_published_one():
    got = gamma_gamma.log_likelihood_of_mean(50, 38.0, *SPEND_PUBLISHED)
    assert got == pytest.approx(-4.170214, abs=5e-7)


def test_small_integer_types_do_not_overflow_in_the_likelihood_of_a_mean():
    # int8: 50 × 38 would be 108
    got = gamma_gamma.log_likelihood_of_mean(np.int8(50), np.int8(38), *SPEND_PUBLISHED)
    assert got == pytest.approx(-4.170214, abs=5e-7)


def test_the_likelihood_of_three_amounts_is_the_published_one():
    z = np.array([10.0, 20.0, 45.0])
    got = gamma_gamma.log_likelihood_of_amounts(3, z.sum(), np.log(z).sum(), 3.61, 4.49, 34.1)
    assert got == pytest.approx(-12.637187, abs=5e-7)


def test_tier_probabilities_without_monte_carlo_are_the_published_ones():
    p, q, v = SPEND_PUBLISHED
    _, probabilities = future(2, 30.43, 38.86, 39.0, PUBLISHED)
    above = [p_spend_above(s, probabilities, p, q + p * 2, v + 2 * 22.35) for s in (25, 50, 100, 300)]
    assert above == pytest.approx([0.40448, 0.22546, 0.07086, 0.00112], abs=5e-6)
    mean = mean_of(probabilities) * gamma_gamma.expected_spend(2, 2 * 22.35, p, q, v)
    assert mean == pytest.approx(30.2384, abs=5e-5)


# ---- CDNOW: the maximum-likelihood table


@pytest.fixture(scope="module")
def sample():
    return summarize(load_cdnow(), observation_end="1997-09-30", time_unit="week", groups=["cohort"])


@pytest.fixture(scope="module")
def master():
    return summarize(load_cdnow("master"), observation_end="1997-09-30", time_unit="week", groups=["cohort"])


def collapsed(summary, columns, family, parameters):
    cells = make_cells(summary, columns, with_spend=False)
    return purchase_value_and_gradient(
        BG_NBD.kind, parameters, *purchase_data(cells.purchase, family).values()
    )[0]


def by_customer(summary, family, parameters):
    x = summary["frequency"].to_numpy()
    return log_likelihood(family, x, summary["recency"].to_numpy(), summary["T"].to_numpy(), parameters)


def column(parameters):
    return np.array(parameters)[:, None]


@pytest.mark.parametrize(
    ("which", "family", "parameters", "pin", "digits"),
    [
        ("sample", BG_NBD, BG_MAXIMUM, -9582.4292, 5e-5),
        ("sample", MBG_NBD, MBG_MAXIMUM, -9582.1357, 5e-5),
        ("master", BG_NBD, MASTER_BG_MAXIMUM, -95368.444, 5e-4),
    ],
)
def test_the_maximum_of_the_purchase_likelihood_is_the_published_one(
    request, which, family, parameters, pin, digits
):
    summary = request.getfixturevalue(which)
    assert collapsed(summary, [], family, column(parameters)) == pytest.approx(pin, abs=digits)
    assert by_customer(summary, family, parameters).sum() == pytest.approx(pin, abs=digits)


@pytest.mark.parametrize(
    ("which", "family", "parameters"),
    [
        ("sample", BG_NBD, BG_MAXIMUM),
        ("sample", MBG_NBD, MBG_MAXIMUM),
        ("master", BG_NBD, MASTER_BG_MAXIMUM),
    ],
)
def test_no_direction_leads_up_from_the_published_maximum(request, which, family, parameters):
    summary = request.getfixturevalue(which)
    cells = make_cells(summary, [], with_spend=False)
    data = purchase_data(cells.purchase, family).values()
    _, gradient = purchase_value_and_gradient(BG_NBD.kind, column(parameters), *data)
    by_log = gradient[:, 0] * np.array(parameters)
    assert np.abs(by_log).max() < 1e-5 * len(summary)


@pytest.mark.parametrize("which", ["sample", "master"])
@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
@pytest.mark.parametrize("columns", [[], ["cohort"]], ids=["one population", "cohorts"])
def test_cells_have_the_likelihood_of_their_customers(request, which, family, columns):
    summary = request.getfixturevalue(which)
    cells = make_cells(summary, columns, with_spend=False)
    group = cells.purchase.group[cells.purchase.cell_of_customer]
    factors = np.exp(0.1 * np.random.default_rng(1).standard_normal((4, group.max() + 1)))
    parameters = column(BG_MAXIMUM) * factors
    value, _ = purchase_value_and_gradient(
        BG_NBD.kind, parameters, *purchase_data(cells.purchase, family).values()
    )
    each = by_customer(summary, family, parameters[:, group])
    assert value == pytest.approx(each.sum(), rel=1e-9)


@pytest.mark.parametrize(
    ("which", "form", "parameters", "pin", "digits"),
    [
        ("sample", "mean", SPEND_MAXIMUM, -4055.9177, 5e-5),
        ("sample", "full", FULL_SPEND_MAXIMUM, -10707.8597, 5e-5),
        ("master", "mean", MASTER_SPEND_MAXIMUM, -40763.476, 5e-4),
        ("master", "full", MASTER_FULL_SPEND_MAXIMUM, -106938.003, 5e-4),
    ],
)
def test_the_maximum_of_the_spend_likelihood_is_the_published_one(
    request, which, form, parameters, pin, digits
):
    rows, value = spend_of(request.getfixturevalue(which), [], form, column(parameters))
    assert rows.form == form
    assert value == pytest.approx(pin, abs=digits)


@pytest.mark.parametrize("which", ["sample", "master"])
@pytest.mark.parametrize("form", ["full", "mean"])
@pytest.mark.parametrize("columns", [[], ["cohort"]], ids=["one population", "cohorts"])
def test_collapsed_spend_has_the_likelihood_of_its_customers(request, which, form, columns):
    summary = request.getfixturevalue(which)
    groups = 1 if not columns else summary["cohort"].nunique()
    factors = np.exp(0.1 * np.random.default_rng(2).standard_normal((3, groups)))
    parameters = column(SPEND_MAXIMUM) * factors
    rows, value = spend_of(summary, columns, form, parameters)
    each = parameters[:, rows.group]
    if form == "full":
        want = gamma_gamma.log_likelihood_of_amounts(rows.count, rows.total, rows.log_total, *each)
    else:
        want = gamma_gamma.log_likelihood_of_mean(rows.count, rows.total / rows.count, *each)
    assert value == pytest.approx(want.sum(), rel=1e-9)


def spend_of(summary, columns, form, parameters):
    if form == "mean":
        summary = summary.drop(columns=["spend_count", "spend_sum", "spend_log_sum"])
    rows = make_cells(summary, columns, with_spend=True).spend
    return rows, spend_value_and_gradient(parameters, *spend_data(rows, parameters.shape[1]).values())[0]


# ---- CDNOW: the predictive distribution of the hold-out, exactly


@pytest.fixture(scope="module")
def holdout(sample):
    """Return hold-out purchases, P(alive) and P(X* = y) of each customer of the sample at the maximum."""
    whole = summarize(load_cdnow(), observation_end="1998-06-30").set_index("customer_id")["frequency"]
    actual = whole.loc[sample["customer_id"]].to_numpy() - sample["frequency"].to_numpy()
    cells = make_cells(sample, [], with_spend=False).purchase
    futures = [
        future(*history, 39.0, BG_MAXIMUM)
        for history in zip(cells.frequency, cells.recency, cells.T, strict=True)
    ]
    table = np.zeros((len(futures), 400))
    for row, (_, probabilities) in zip(table, futures, strict=True):
        row[: min(400, probabilities.size)] = probabilities[:400]
    alive = np.array([alive for alive, _ in futures])
    return actual, alive[cells.cell_of_customer], table[cells.cell_of_customer]


def test_the_holdout_is_predicted_with_the_published_totals(holdout):
    actual, alive, probabilities = holdout
    assert actual.sum() == 1882
    assert (probabilities @ np.arange(400)).sum() == pytest.approx(1653, abs=0.5)
    assert (actual > 0).sum() == 684
    assert (1 - probabilities[:, 0]).sum() == pytest.approx(617, abs=0.5)
    assert alive.sum() == pytest.approx(1917, abs=0.5)


def test_the_holdout_is_predicted_with_the_published_accuracy(holdout):
    actual, alive, probabilities = holdout
    mean, cdf = probabilities @ np.arange(400), probabilities.cumsum(axis=1)
    median = (cdf < 0.5).sum(axis=1)
    assert np.abs(mean - actual).mean() == pytest.approx(0.786, abs=1e-3)
    assert np.abs(median - actual).mean() == pytest.approx(0.666, abs=5e-4)
    assert np.sqrt(((mean - actual) ** 2).mean()) == pytest.approx(1.608, abs=1e-3)
    assert np.corrcoef(mean, actual)[0, 1] == pytest.approx(0.626, abs=1e-3)
    log_score = np.log(probabilities[np.arange(actual.size), actual]).mean()
    assert log_score == pytest.approx(-0.9845, abs=1e-4)
    crps = ((cdf - (np.arange(400) >= actual[:, None])) ** 2).sum(axis=1).mean()
    assert crps == pytest.approx(0.5104, abs=1e-4)
    returned = actual > 0
    assert ((1 - probabilities[:, 0] - returned) ** 2).mean() == pytest.approx(0.161, abs=5e-4)
    assert ((alive - returned) ** 2).mean() == pytest.approx(0.608, abs=5e-4)


def test_the_holdout_is_calibrated_as_published(holdout):
    # Czado, Gneiting & Held (2009): the mean over customers of the conditional distribution of the PIT
    actual, _, probabilities = holdout
    upper = probabilities.cumsum(axis=1)[np.arange(actual.size), actual]
    lower = upper - probabilities[np.arange(actual.size), actual]
    u = np.linspace(0, 1, 2001)
    pit = np.clip((u[:, None] - lower) / (upper - lower), 0, 1).mean(axis=1)
    assert np.abs(pit - u).max() == pytest.approx(0.0198, abs=1e-4)


def test_purchases_expected_by_calibration_frequency_are_the_published_ones(holdout, sample):
    actual, _, probabilities = holdout
    bins = sample["frequency"].clip(upper=7).to_numpy()
    expected = np.bincount(bins, weights=probabilities @ np.arange(400)) / np.bincount(bins)
    assert expected == pytest.approx(
        [0.2251, 0.5231, 1.0441, 1.5203, 2.1638, 2.6538, 3.5040, 6.1570], abs=2e-4
    )
    seen = np.bincount(bins, weights=actual) / np.bincount(bins)
    assert seen == pytest.approx([0.2367, 0.6970, 1.3925, 1.5600, 2.5323, 2.9474, 3.8621, 6.3594], abs=1e-4)


def test_purchases_expected_by_week_are_the_published_ones(sample):
    r, alpha, a, b = BG_MAXIMUM
    first = (sample["first_purchase"] - np.datetime64("1997-01-01")).dt.days.value_counts()
    until = np.array(
        [
            sum(
                n * purchase_survival(week - day / 7, 1.0, r, alpha, a, b, np.zeros(1))[0]
                for day, n in first.items()
            )
            for week in range(19, 26)
        ]
    )
    assert np.diff(until) == pytest.approx([76.865, 74.888, 73.046, 71.322, 69.704, 68.182], abs=1e-3)


# ---- the oracle: pymc-marketing, customer by customer


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_each_customer_has_the_likelihood_that_pymc_marketing_gives(sample, family):
    import pymc as pm
    from pymc_marketing.clv.distributions import BetaGeoNBD, ModifiedBetaGeoNBD

    oracle = {"bg_nbd": BetaGeoNBD, "mbg_nbd": ModifiedBetaGeoNBD}[family.name]
    r, alpha, a, b = PUBLISHED
    distribution = oracle.dist(r=r, alpha=alpha, a=a, b=b, T=sample["T"].to_numpy())
    want = pm.logp(distribution, sample[["recency", "frequency"]].to_numpy(float)).eval()
    assert by_customer(sample, family, PUBLISHED) == pytest.approx(want, rel=1e-9, abs=1e-10)
