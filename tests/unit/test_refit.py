"""Last month's fit and this month's log: the posterior of a cold fit, and what is said to have changed."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesltv as ltv
from bayesltv.fitting.coordinates import JITTER_OF_MODE
from bayesltv.fitting.density import make_density
from bayesltv.fitting.laplace.blocks import independent_blocks
from bayesltv.fitting.warm_start import warm_start
from bayesltv.model.build import make_problem, model_of
from bayesltv.refresh.changes import changed_rows
from bayesltv.refresh.drift import moved_parameters, past_changed
from bayesltv.refresh.history import refreshes, write_refit
from golden_values import STORED, stored_fit

BEFORE, NOW = "2020-10-31", "2020-11-30"
MANY = {"chains": 4, "draws": 1000}
pytestmark = pytest.mark.filterwarnings("ignore::bayesltv.BayesltvWarning")


@pytest.fixture(scope="module")
def log():
    """180 customers by channel, observed until `NOW`."""
    return ltv.simulate_log(
        {"shop": 100, "web": 80}, seed=11, start="2020-01-01", observation_end=NOW, acquisition_days=200,
        purchase={"r": 0.9, "alpha": 5.0, "a": 0.8, "b": 2.5}, spend={"p": 6.0, "q": 4.0, "v": 15.0},
        group_col="channel",
    )  # fmt: skip


@pytest.fixture(scope="module")
def old(log):
    return ltv.fit(
        ltv.summarize(log, observation_end=BEFORE), "pooled", seed=1, method="laplace", sampler=MANY
    )


@pytest.fixture(scope="module")
def done(log, old):
    return ltv.refit(old, log, seed=2, decision="retention", draws=100)


def same_posterior(one, other):
    """Whether as many draws of the one lie below each quantile of the other as should, within 4.5 errors.

    Some eighty shares, each normal about its probability: a right pair fails less than once in 1,000. Draws
    by weights count for half.
    """
    for name in one["posterior"].data_vars:
        a, b = (each["posterior"][name].values.ravel() for each in (one, other))
        ess = min(effective(each["posterior"][name]) for each in (one, other)) / 2
        for p in (0.05, 0.25, 0.5, 0.75, 0.95):
            assert abs(float(np.mean(b <= np.quantile(a, p))) - p) < 4.5 * np.sqrt(2 * p * (1 - p) / ess), (
                name
            )


def effective(values):
    from arviz_stats.base import array_stats

    flat = values.values.reshape(*values.shape[:2], -1)
    return min(array_stats.ess(flat[..., at], chain_axis=0, draw_axis=1) for at in range(flat.shape[-1]))


# ------------------------------------------------------------------------------------------- the warm start


def test_an_earlier_posterior_is_where_the_models_own_map_says(log):
    # forth by the model's expand, back by warm_start, with groups and covariates in it
    table = log.assign(age=log["customer_id"].str[-2:].astype("category").cat.codes % 50 + 20)
    summary = ltv.summarize(
        table, observation_end=NOW, groups=["channel"], covariates=["age"], group_conflict="first"
    )
    age = ltv.Covariate(kind="numeric", on=("purchase_rate",))
    spec = replace(ltv.load_spec("by_group").without_spend(), covariates={"age": age})
    problem = make_problem(summary, spec)
    model, rng = model_of(problem), np.random.default_rng(1)
    density = make_density(model)
    points = density.start + rng.normal(0, 0.3, (200, density.size))
    rows = [density.expand(point) for point in points]
    dims = {name: ("chain", "draw", *(model.named_vars_to_dims.get(name) or ())) for name in rows[0]}
    variables = {
        name: (dims[name], np.stack([row[name] for row in rows])[None])
        for name in rows[0]
        if "_offset_" not in name
    }
    coords = {"channel": ["shop", "web"], "purchase_rate_covariate": ["age"]}
    posterior = xr.Dataset(variables, coords={"chain": [0], "draw": np.arange(200), **coords})
    found, blocks = (
        warm_start(posterior, model, density, problem, rng),
        independent_blocks(model, density, problem),
    )
    assert found.points == pytest.approx(points, abs=1e-9)
    frame = warm_start(posterior.isel(draw=np.arange(2000) % 200), model, density, problem, rng).coordinates(
        blocks
    )
    z = np.linalg.solve(frame.scale, (frame.pooling_sds.straightened(points) - frame.origin).T)
    assert np.cov(z)[np.ix_(blocks[0].where, blocks[0].where)] == pytest.approx(
        np.eye(blocks[0].where.size), abs=0.02
    )
    assert np.array([frame.point(each) for each in z.T]) == pytest.approx(points, abs=1e-9)
    assert frame.spread == JITTER_OF_MODE
    few = warm_start(posterior.isel(draw=slice(50)), model, density, problem, rng)
    assert few.coordinates(blocks) is None  # 50 draws say too little of a covariance
    # a level that was not there gets a draw of its prior, other labels are not taken for these
    fewer = warm_start(posterior.isel(channel=[0]), model, density, problem, rng)
    assert np.isfinite(fewer.points).all()
    renamed = warm_start(
        posterior.assign_coords(purchase_rate_covariate=["sex"]), model, density, problem, rng
    )
    assert renamed.coordinates(blocks) is None
    assert np.isfinite(renamed.start(density.start)).all()


def test_a_refit_by_laplace_is_a_cold_fit(done, log, old):
    spec = ltv.ModelSpec.from_dict(json.loads(old.attrs["spec"]))
    cold = ltv.fit(ltv.summarize(log), spec, seed=3, method="laplace", sampler=MANY)
    same_posterior(done.fit, cold)
    assert done.fit.attrs["method"] == "laplace"
    assert done.fit.attrs["spec_hash"] == cold.attrs["spec_hash"]
    assert done.fit.attrs["refit_of"] == old.attrs["digest"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pooled", "by_group"])
def test_a_refit_by_nuts_is_a_cold_fit(log, name):
    groups = ["channel"] if name == "by_group" else []
    before, now = (ltv.summarize(log, observation_end=end, groups=groups) for end in (BEFORE, NOW))
    old = ltv.fit(before, name, seed=1, progress=False)
    warm, cold = ltv.refit(old, log, seed=2, progress=False).fit, ltv.fit(now, name, seed=3, progress=False)
    assert ltv.check(warm).passed
    same_posterior(warm, cold)


# ---------------------------------------------------------------------------------------- what has changed


def test_rows_are_loaded_again_where_they_are_not_what_they_were():
    before = pd.DataFrame(
        {"customer_id": list("abcdef"), "tier": ["low"] * 5 + ["high"],
         "ltv_mean": [10.0, 10.0, 10.0, 1.0, 9.0, 20.0]}
    )  # fmt: skip
    now = pd.DataFrame(
        {"customer_id": ["g", "b", "c", "d", "e", "f"], "tier": ["low", "low", "high", "low", "low", "high"],
         "ltv_mean": [5.0, 10.4, 10.0, 1.4, 8.4, 20.9]}
    )  # fmt: skip
    # 5 % of the mean of 10 is 0.5: b by 0.4 is within, so is d, who has grown by 40 %; e by 0.6 is not;
    # f by 0.9 is within 5 % of 20
    changed, gone = changed_rows(before, now, tolerance=0.05)
    rows = changed[["customer_id", "change", "tier_previous", "value_previous"]].astype(object)
    assert rows.where(rows.notna(), None).to_numpy().tolist() == [
        ["g", "new", None, None], ["c", "tier", "low", 10.0], ["e", "value", "low", 9.0],
    ]  # fmt: skip
    assert gone.to_numpy().tolist() == [["a", "low", 10.0]]
    assert len(changed_rows(before, now, tolerance=0)[0]) == 6
    with pytest.raises(ltv.SpecError, match="at least 0"):
        changed_rows(before, now, tolerance=-1)


def test_parameters_move_in_earlier_sds():
    def posterior(levels, rate):
        effects = np.array(levels)[None, None] + np.array([-1.0, 1.0])[None, :, None]
        return xr.Dataset(
            {"purchase_rate": (("chain", "draw"), rate + np.array([[-1.0, 1.0]])),
             "purchase_rate_effect_channel": (("chain", "draw", "channel"), effects),
             "r": (("chain", "draw"), np.ones((1, 2)))},
            coords={"channel": ["app", "shop", "web"][-len(levels):]},
        )  # fmt: skip

    table = moved_parameters(posterior([0.0, 5.0], 3.0), posterior([9.0, 1.0, 4.0], 6.0), ltv.ModelSpec())
    sd = np.sqrt(2)  # of −1 and 1
    assert table["parameter"].tolist()[0] == "purchase_rate"
    assert dict(zip(table["parameter"], table["moved"] * sd, strict=True)) == pytest.approx(
        {
            "purchase_rate": 3.0,
            "purchase_rate_effect_channel[shop]": 1.0,
            "purchase_rate_effect_channel[web]": -1.0,
        }
    )


def test_what_came_since_is_held_against_what_was_said(done, log):
    since = log[log["date"] > BEFORE].drop_duplicates(["customer_id", "date"])
    known = set(log.loc[log["date"] <= BEFORE, "customer_id"])
    came = int(since["customer_id"].isin(known).sum())
    assert done.evaluation.total("purchases")["actual"] == came
    assert done.drift["forecast_of_purchases"].status == "pass"
    assert done.drift["past_changed"].status == "pass"
    assert len(done.scores) == log["customer_id"].nunique()
    counts = done.refresh.migration
    assert int(counts.to_numpy().sum()) == len(done.scores)
    assert done.changes["tier"] == len(done.refresh.movers)
    assert done.changes["new"] == 0


def test_a_month_like_no_other_and_a_changed_past_are_seen(log, old):
    late = log[(log["date"] > "2020-06-30") & (log["date"] <= "2020-09-30")]
    days = {at: late.assign(date=pd.Timestamp(BEFORE) + pd.Timedelta(days=at)) for at in (3, 9, 17)}
    found = ltv.refit(old, pd.concat([log, *days.values()]), seed=1, sampler={"draws": 300}, draws=100)
    assert found.drift["forecast_of_purchases"].status == "warn"
    assert found.drift["parameters_moved"].status == "warn"
    assert found.scores is None
    without = log[log["customer_id"] != log["customer_id"].iloc[0]]
    assert past_changed(old, ltv.summarize(without, observation_end=BEFORE)).status == "warn"


# --------------------------------------------------------------------------------------------------- errors


def test_a_refit_that_cannot_be_says_why(log, old):
    with pytest.raises(
        ltv.DataError, match="ends on 2020-09-30, before the earlier fit's data on 2020-10-31"
    ):
        ltv.refit(old, log, seed=1, observation_end="2020-09-30")
    with pytest.raises(ltv.DataError, match="counts in days but the fit in weeks"):
        ltv.refit(old, ltv.summarize(log, time_unit="day"), seed=1)
    with pytest.raises(ltv.DataError, match="has spend, and these customers have no amounts"):
        ltv.refit(old, log, seed=1, monetary_value_col=None)
    grouped = old.copy()
    spec = json.loads(old.attrs["spec"])
    spec["model"]["groups"] = ["region"]
    grouped.attrs = {**old.attrs, "spec": json.dumps(spec)}
    with pytest.raises(ltv.StoreError, match="not as it was made"):
        ltv.refit(grouped, log, seed=1)
    with pytest.raises(ltv.StoreError, match="not a fit"):
        ltv.refit(xr.DataTree(), log, seed=1)
    with pytest.raises(ltv.DataError, match="2020-10-31"):
        ltv.refit(old, log[log["date"] > BEFORE], seed=1)
    stored = pd.read_csv(STORED / "log.csv", parse_dates=["date"]).drop(columns="channel")
    with pytest.raises(ltv.DataError, match="channel"):
        ltv.refit(stored_fit("grouped"), stored, seed=1)


def test_a_summary_is_refitted_too(log, old, done):
    found = ltv.refit(old, ltv.summarize(log), seed=2, decision="retention", previous=done.scores, draws=100)
    assert found.drift["past_changed"].status == "not applicable"
    assert found.evaluation is None
    assert found.changed.empty  # the same posterior, seed and customers
    pd.testing.assert_frame_equal(found.scores, done.scores)


# ------------------------------------------------------------------------------------------------ on disk


def test_a_refresh_is_never_written_over(done, tmp_path):
    decision = ltv.load_decision("retention")
    files = write_refit(done, tmp_path / "all", asked={"seed": 2}, decision=decision)
    assert {path.name for path in (tmp_path / "all" / NOW).iterdir()} == {path.name for path in files}
    before = {path: path.read_bytes() for path in files}
    with pytest.raises(ltv.StoreError, match="never replaced"):
        write_refit(done, tmp_path / "all", asked={"seed": 3}, decision=decision)
    assert {path: path.read_bytes() for path in files} == before
    assert [path.name for path in (tmp_path / "all").iterdir()] == [NOW]
    (stored,) = refreshes(tmp_path / "all")
    assert stored.fit().attrs["digest"] == done.fit.attrs["digest"]
    table = pd.read_parquet(stored.folder / "changed.parquet")
    assert table["change"].value_counts().to_dict() == {
        k: n for k, n in done.changes.items() if n and k != "gone"
    }
    (stored.folder / "fit.nc").write_bytes(b"damaged")
    with pytest.raises(ltv.StoreError, match="does not fit the manifest"):
        stored.fit()
