"""Effects from an experiment: what is counted, what is refused, what is recovered."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats
from scipy.interpolate import PPoly

import bayesltv as ltv
from bayesltv.data.experiment import make_experiment
from bayesltv.data.log.reading import ExperimentReading
from bayesltv.errors import CheckFailed, DataError, SpecError
from bayesltv.experiments.effects import OTHER, cells_of
from bayesltv.experiments.likelihoods import parts_of
from bayesltv.experiments.measured import effects_from_draws
from bayesltv.experiments.table import effect_draws, uplift_table
from helpers import sealed

ARMS = ("control", "mail", "coupon")
TRUE = {"mail": (0.35, 0.0), "coupon": (0.0, -0.2)}
"""Mean over cells of the log multipliers of rate and spend."""


def simulated(cells=16, per_arm=500, *, seed=77, spread=0.15):
    """A test drawn from Poisson processes seen through a window of one unit, and its true effects."""
    rng = np.random.default_rng(seed)
    base, spend = np.log(0.12) + 0.5 * rng.standard_normal(cells), 3 + 0.3 * rng.standard_normal(cells)
    frames, effects = [], np.zeros((cells, 2))
    for c in range(cells):
        for arm in ARMS:
            rate, more = TRUE.get(arm, (0.0, 0.0))
            log_rate, log_spend = base[c], spend[c]
            if arm != "control":
                log_rate, log_spend = log_rate + rate + spread * rng.standard_normal(), log_spend + more
            bought = rng.poisson(np.exp(log_rate), per_arm) > 0
            amounts = np.where(bought, rng.lognormal(log_spend, 0.7, per_arm), 0.0)
            frames.append(pd.DataFrame({"cell": f"c{c:02d}", "arm": arm, "spend": amounts}))
            means = -np.expm1(-np.exp(log_rate)) * np.exp(log_spend + 0.245)
            if arm == "control":
                nothing = means
            else:
                effects[c, ARMS.index(arm) - 1] = means - nothing
    frame = pd.concat(frames, ignore_index=True)
    frame.insert(0, "customer_id", [f"k{i}" for i in range(len(frame))])
    return frame.sample(frac=1.0, random_state=1).reset_index(drop=True), effects


FRAME, EFFECTS = simulated()


@pytest.fixture(scope="module")
def uplift(once):
    def made():
        return ltv.fit_uplift(FRAME, cells=["cell"], outcome="spend", randomised=True, seed=5, progress=False)

    return once("uplift", made)


# -------------------------------------------------------------------------------------------- the likelihoods


def read_at(tables, values):
    """Log likelihoods of a table, (set, arm, cell), at one value, relative to those at 0."""
    row, cell = np.indices(tables.pieces.shape[1:3])
    spline = lambda x: PPoly(  # noqa: E731
        np.moveaxis(tables.pieces[0, ..., ::-1], (-1, -2), (0, 1)),
        tables.start + tables.step * np.arange(tables.pieces.shape[3] + 1),
    )(x)[row, cell]
    return spline(values) - spline(0.0)


def test_tables_of_conversion_and_spend_are_binomial_and_gamma_likelihoods():
    frame, _ = simulated(3, 40, seed=3)
    experiment, _ = make_experiment(frame, ExperimentReading("spend", ["cell"]))
    parts = parts_of(experiment)
    n, k = experiment.customers.T, experiment.converted.T
    share = k.sum() / n.sum()
    for x in (-1.3, 0.4, 2.0):
        hazard = -np.log(1 - share) * np.exp([x, 0.0])
        told = [stats.binom.logpmf(k, n, 1 - np.exp(-each)) for each in hazard]
        np.testing.assert_allclose(read_at(parts["rate"].tables, x), told[0] - told[1], rtol=1e-6, atol=1e-6)
    frame["unit"] = frame["spend"] / frame.loc[frame["spend"] > 0, "spend"].mean()
    shapes = parts["spend"].told["shape"][0]
    for x in (-0.5, 0.3):
        for arm, shape in zip(experiment.arms, shapes, strict=True):
            for cell in range(3):
                mine = frame[(frame["arm"] == arm) & (frame["cell"] == f"c{cell:02d}") & (frame["spend"] > 0)]
                told = [
                    stats.gamma.logpdf(mine["unit"], shape, scale=np.exp(at) / shape).sum() for at in (x, 0.0)
                ]
                found = read_at(parts["spend"].tables, x)[experiment.arms.index(arm), cell]
                assert found == pytest.approx(told[0] - told[1], rel=1e-6, abs=1e-6)


def test_spend_is_the_ratio_of_means_whatever_the_spread_of_the_arms():
    # a common log-normal sigma takes the wider arm's larger mean for a smaller one
    rng, n = np.random.default_rng(6), 4000
    frame = pd.DataFrame({"customer_id": np.arange(2 * n).astype(str), "arm": ["control"] * n + ["mail"] * n})
    frame["spend"] = np.concatenate([rng.gamma(4.0, 10 / 4.0, n), rng.gamma(2.0, 11 / 2.0, n)])
    tree = ltv.fit_uplift(frame, cells=[], outcome="spend", randomised=True, seed=1)
    spend = np.exp(tree["posterior"]["spend_effect"].values.ravel())
    assert spend.mean() == pytest.approx(1.1, abs=3.5 * spend.std())
    assert spend.std() == pytest.approx(1.1 * np.sqrt((1 / 4 + 1 / 2) / n), rel=0.1)
    shapes = tree["posterior"]["spend_shape"].mean(("chain", "draw")).values
    np.testing.assert_allclose(shapes, [4.0, 2.0], rtol=0.1)


@pytest.mark.parametrize(("cells", "per_arm"), [(2, 500), (8, 300)])
def test_cells_that_hardly_differ_pass_the_checks(cells, per_arm):
    rng = np.random.default_rng(cells)
    frame = pd.DataFrame({"cell": np.repeat(np.arange(cells), 2 * per_arm).astype(str)})
    frame["arm"] = np.tile(["control", "mail"], cells * per_arm)
    bought = rng.random(len(frame)) < 0.12
    frame["spend"] = np.where(bought, rng.lognormal(3.0, 0.7, len(frame)), 0.0)
    frame.insert(0, "customer_id", np.arange(len(frame)).astype(str))
    tree = ltv.fit_uplift(frame, cells=["cell"], outcome="spend", randomised=True, seed=1, progress=False)
    assert '"fail"' not in tree.attrs["checks"]


# ---------------------------------------------------------------------------------------------- what it finds


def test_effects_of_a_simulated_test_are_found(uplift):
    posterior = uplift["posterior"].to_dataset()
    for arm in ARMS[1:]:
        for name, true in zip(("rate", "spend"), TRUE[arm], strict=True):
            draws = posterior[f"{name}_effect"].sel(treated=arm).values.ravel()
            assert abs(draws.mean() - true) < 3.5 * draws.std()
            assert draws.std() < 0.15
    effect = posterior["effect"].sel(treated=list(ARMS[1:]))
    draws = effect.transpose("cell", "treated", ...).values.reshape(16, 2, -1)
    z = (draws.mean(axis=2) - EFFECTS) / draws.std(axis=2)
    assert np.sqrt(np.mean(z**2)) == pytest.approx(
        1.0, abs=0.45
    )  # 32 effects: sd of the root mean square .13


def test_of_several_arms_the_sd_between_them_is_told(uplift):
    posterior = uplift["posterior"]
    assert {"rate_arms_sd", "spend_arms_sd"} <= set(posterior.data_vars)
    assert 0.05 < float(posterior["rate_arms_sd"].median()) < 0.8
    one = fitted(FRAME[FRAME["arm"] != "coupon"], cells=[])
    assert "rate_arms_sd" not in one["posterior"]


def test_shrunk_effects_are_nearer_the_truth_than_raw_ones(uplift):
    table = uplift_table(uplift)
    cells = table[table["cell"] != "all"].sort_values(["arm", "cell"])
    truth = np.concatenate([EFFECTS[:, 1], EFFECTS[:, 0]])  # coupon before mail
    raw, shrunk = (((cells[name] - truth) ** 2).mean() for name in ("effect_raw", "effect_mean"))
    assert shrunk < 0.8 * raw


def test_the_table_counts_as_pandas_does(uplift):
    table = uplift_table(uplift).set_index(["cell", "arm"])
    part = FRAME[FRAME["cell"] == "c03"].groupby("arm")["spend"].agg(["mean", "var", "size"])
    row = table.loc[("c03", "mail")]
    assert row["effect_raw"] == pytest.approx(part.loc["mail", "mean"] - part.loc["control", "mean"])
    errors = part["var"] / part["size"]
    assert row["effect_raw_se"] == pytest.approx(np.sqrt(errors["mail"] + errors["control"]), rel=1e-9)
    assert (row["customers"], row["control_customers"]) == (500, 500)
    means = FRAME.groupby("arm")["spend"].mean()
    assert table.loc[("all", "mail"), "effect_raw"] == pytest.approx(means["mail"] - means["control"])
    assert table.loc[("all", "mail"), "p_positive"] > 0.99


def test_the_log_of_the_rate_is_what_conversion_of_a_poisson_process_shows(uplift):
    # 35 % more (log) rate in the truth of "mail"; conversion rises by less
    effects = effects_from_draws(effect_draws(uplift, "mail", draws=1000, seed=1))
    assert effects.cells[-1] == OTHER
    logs = np.log(effects.values["rate"])
    assert logs[:, :-1].mean() == pytest.approx(0.35, abs=0.2)
    # a cell that was not seen is known less well
    assert logs[:, -1].std() > logs[:, :-1].mean(axis=1).std()
    assert effects.overall == "test"


def test_draws_pair_by_index_and_are_thinned_evenly(uplift):
    whole = effect_draws(uplift, "mail", draws=6000, seed=1)
    some = effect_draws(uplift, "mail", draws=1500, seed=1)
    np.testing.assert_array_equal(some["rate"].values, whole["rate"].values[:, ::4])
    more = effect_draws(uplift, "mail", draws=6100, seed=1)
    np.testing.assert_array_equal(more["spend"].values[:, 6000:], whole["spend"].values[:, :100])
    with pytest.raises(DataError, match="no arm 'post': its arms beside the control are coupon, mail"):
        effect_draws(uplift, "post", draws=10, seed=1)


def test_customers_find_their_cell(uplift):
    customers = pd.DataFrame({"customer_id": ["x", "y", "z"], "cell": ["c02", "unheard of", "c00"]})
    effects = [effects_from_draws(effect_draws(uplift, "mail", draws=10, seed=1))]
    assert cells_of(effects, customers).tolist() == [[2, 16, 0]]


def test_a_fitted_test_is_checked_and_survives_the_disk(uplift):
    # `uplift` has been saved and loaded
    assert "rhat" in uplift.attrs["checks"]
    broken = sealed(uplift, checks=uplift.attrs["checks"].replace('"pass"', '"fail"', 1))
    with pytest.raises(CheckFailed, match="failed 1 of"):
        effect_draws(broken, "mail", draws=10, seed=1)
    with pytest.raises(ltv.StoreError, match="not a fit"):
        ltv.predict(uplift, FRAME, horizon=1, annual_discount_rate=0, margin=1, seed=1)


# -------------------------------------------------------------------------------------------- what is refused

SMALL = pd.DataFrame(
    {
        "customer_id": [str(i) for i in range(400)],
        "arm": ["control", "mail"] * 200,
        "tier": ["low", "low", "high", "high"] * 100,
        "spend": [0.0, 0.0, 3.0, 5.0] * 100,
    }
)


LOST = pd.concat([SMALL.iloc[::2].iloc[:100], SMALL.iloc[1::2]])
PEEKED = SMALL.assign(tier=SMALL["arm"].map({"control": "low", "mail": "high"}))
REPEATED = pd.concat([SMALL, SMALL.head(1)])


def fitted(frame=SMALL, **arguments):
    asked = {"cells": ["tier"], "outcome": "spend", "randomised": True, "seed": 1, "progress": False}
    return ltv.fit_uplift(frame, **(asked | arguments))


def changed(column, value, rows):
    frame = SMALL.copy()
    frame[column] = frame[column].astype(object)
    frame.loc[rows, column] = value
    return frame


@pytest.mark.parametrize("sd", [0.5, 0.1])
def test_effects_shrink_as_far_as_their_stated_sd_says(sd):
    """One cell of conversions: the mean effect is that of a grid over base and effect."""
    bought = {"control": 60, "mail": 90}
    spend = [[1.0] * n + [0.0] * (400 - n) for n in bought.values()]
    frame = pd.DataFrame({"arm": np.repeat(list(bought), 400), "spend": np.concatenate(spend)})
    frame.insert(0, "customer_id", [str(i) for i in range(len(frame))])
    made = fitted(frame, cells=[], effect_sd={"rate": sd})
    base = np.log(-np.log1p(-150 / 800)) + np.linspace(-1, 1, 401)[:, None]
    effect = np.linspace(-1.5, 2.0, 701)
    logs = stats.norm(0, sd).logpdf(effect) + stats.norm(base[200], 1.0).logpdf(base)
    for arm, log_hazard in (("control", base), ("mail", base + effect)):
        logs = logs + stats.binom.logpmf(bought[arm], 400, -np.expm1(-np.exp(log_hazard)))
    weight = np.exp(logs - logs.max())
    expected = float((weight * effect).sum() / weight.sum())
    spread = np.sqrt(float((weight * effect**2).sum() / weight.sum()) - expected**2)
    assert float(made["posterior"]["rate_effect"].mean()) == pytest.approx(expected, abs=0.08 * spread)
    assert json.loads(made.attrs["experiment"])["effect_sd"] == {"rate": sd, "spend": 0.25}


@pytest.mark.parametrize(
    "stated", [{"sales": 0.1}, {"rate": 0.0}, {"spend": np.nan}, {"rate": "wide"}, {"rate": 3}]
)
def test_a_prior_sd_that_cannot_be_is_refused_by_name(stated):
    with pytest.raises(SpecError, match=rf"effect_sd (names|of) .*{next(iter(stated))}"):
        fitted(effect_sd=stated)


@pytest.mark.parametrize(
    ("frame", "arguments", "says"),
    [
        (SMALL, {"randomised": None}, "were the arms assigned at random?"),
        (SMALL[SMALL["arm"] == "control"], {}, "everybody is in arm 'control': the other arm is empty"),
        (SMALL, {"arms": ["control", "mail", "coupon"]}, "arm 'coupon' is empty"),
        (SMALL, {"arms": ["control"]}, "200 customers have arm 'mail', which is not among arms"),
        (SMALL, {"control": "none"}, "control='none': the arms in 'arm' are control, mail"),
        (SMALL.replace("control", "a"), {}, 'no arm is called "control": the arms in \'arm\' are a, mail'),
        (SMALL, {"outcome": "spent"}, "no column 'spent'; did you mean 'spend'?"),
        (SMALL, {"cells": "tier"}, r"must be a list of columns: cells=\['tier'\]"),
        (SMALL, {"cells": ["spend"]}, "cell column 'spend' was measured after the arms were assigned"),
        (SMALL, {"cells": ["arm"]}, "cell column 'arm' was measured after"),
        (SMALL, {"after": ["tier"]}, "cell column 'tier' was measured after"),
        (SMALL, {"cells": ["customer_id"]}, "is the customer id"),
        (changed("spend", np.nan, [3, 8]), {}, r"'spend' is missing for 2 of 400 customers \(ids 3, 8\)"),
        (changed("spend", -1.0, [7]), {}, r"'spend' is negative for 1 of 400 customers \(id 7\)"),
        (changed("spend", np.inf, [7]), {}, "is infinite for 1 of 400"),
        (changed("spend", "much", [7]), {}, "must be numbers"),
        (SMALL.assign(spend=0.0), {}, "is 0 for everybody"),
        (changed("tier", None, [5]), {}, r"'tier' is missing for 1 of 400 customers \(id 5\)"),
        (changed("customer_id", "0", [9]), {}, r"1 customer stands in several rows \(id 0\)"),
        (SMALL.iloc[:0], {}, "has no rows"),
        (SMALL, {"shares": {"control": 1, "male": 1}}, "must give each of the arms control, mail a share"),
        (LOST, {}, "sample ratio mismatch: control 100, mail 200"),
        (SMALL, {"accept_failed": ["rhat"]}, "what can be accepted is balance, sample_ratio"),
        (PEEKED, {}, "the arms differ in 'tier'"),
        (SMALL.assign(tier=SMALL["customer_id"]), {}, None),
    ],
)  # fmt: skip
def test_an_experiment_that_cannot_be_used_gets_one_clear_error(frame, arguments, says):
    if says is None:  # as many cells as customers are allowed up to a limit
        frame = pd.concat([frame.assign(customer_id=frame["customer_id"] + s) for s in "abc"])
        frame = frame.assign(tier=frame["customer_id"])
        says = "1,200 cells .at most 1,000.: cut tier into bands"
    with pytest.raises(DataError, match=says):
        fitted(frame, **arguments)


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (SMALL[["customer_id", "tier"]].iloc[2:], r"2 of 400 customers of the.* have no cell \(ids 0, 1\)"),
        (
            pd.concat([SMALL, SMALL.head(1).assign(customer_id="z")])[["customer_id", "tier"]],
            r"1 of 401 customers with a cell are not in the experiment \(id z\)",
        ),
        (SMALL[["customer_id", "spend"]], "column 'spend' stands both in"),
        (REPEATED[["customer_id", "tier"]], r"1 customer stands in several rows \(id 0\)"),
    ],
)  # fmt: skip
def test_cells_in_a_table_of_their_own_must_have_the_same_ids(cells, says):
    with pytest.raises(DataError, match=says):
        fitted(SMALL.drop(columns="tier"), cells=cells)


def test_cells_scored_after_the_assignment_are_refused():
    cells = SMALL[["customer_id", "tier"]].copy()
    cells.attrs["as_of_date"] = "2024-03-01"
    with pytest.raises(
        DataError, match="the cells are of 2024-03-01, after the arms were assigned on 2024-02-01"
    ):
        fitted(SMALL.drop(columns="tier"), cells=cells, assigned_on="2024-02-01")


def test_cells_from_a_table_are_joined_by_id():
    cells = SMALL[["customer_id", "tier"]].sample(frac=1.0, random_state=3)
    joined, _ = make_experiment(SMALL.drop(columns="tier"), ExperimentReading("spend", cells))
    direct, _ = make_experiment(SMALL, ExperimentReading("spend", ["tier"]))
    np.testing.assert_array_equal(joined.customers, direct.customers)
    np.testing.assert_allclose(joined.total, direct.total)


@pytest.mark.parametrize("stated", ["{", "[" * 100_000, "{}", "[1]", "null", 3])
def test_cell_columns_that_are_no_list_of_names_are_refused(stated):
    drawn = xr.Dataset({"rate": (("cell", "draw"), np.ones((1, 4)))}, attrs={"cell_columns": stated})
    with pytest.raises(ltv.SpecError, match=r"cell_columns = .* must be a JSON list of columns"):
        effects_from_draws(drawn)


# -------------------------------------------------------------------------------------------- which cells


def test_cells_are_suggested_by_what_the_smallest_can_say():
    scores = pd.DataFrame({"tier": ["low"] * 900 + ["high"] * 100, "stage": ["active", "lapsed"] * 500})
    scores["p_purchase_30d"] = np.where(scores["tier"] == "high", 0.75, 0.1)
    table = ltv.suggest_cells(scores, window="60 days").set_index("columns")
    assert table["cells"].tolist() == [1, 2, 2, 4]
    # P(buys in 60 days) = 1 - .25² of the high, 1 - .9² of the low, halved by arm
    conversions = {"": (93.75 + 171.0) / 2, "tier": 93.75 / 2, "stage": (93.75 + 171.0) / 4}
    for columns, expected in (*conversions.items(), ("tier, stage", 93.75 / 4)):
        assert table.loc[columns, "conversions"] == pytest.approx(expected)
        assert table.loc[columns, "sd_smallest"] == pytest.approx(np.sqrt(2 / expected))
    assert table.index[table["suggested"]].tolist() == ["tier, stage"]
    three = ltv.suggest_cells(scores, window="60 days", arms=3).set_index("columns")
    assert three.index[three["suggested"]].tolist() == ["stage"]
    assert ltv.suggest_cells(scores, window="2 days").set_index("columns")["suggested"].tolist()[0]
    with pytest.raises(DataError, match="no column 'p_purchase_30d'"):
        ltv.suggest_cells(scores[["tier"]], window="60 days")
    with pytest.raises(ltv.SpecError, match="must be a list of columns"):
        ltv.suggest_cells(scores, window="60 days", by="tier")
