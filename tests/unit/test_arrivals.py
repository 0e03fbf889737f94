"""How new customers come: weeks, the model, a plan."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesltv as ltv
from bayesltv.arrivals.plan import read_plan
from bayesltv.data.summary.weeks import Weeks, make_weeks, seasons_of
from bayesltv.errors import BayesltvWarning, DataError, FitError, StoreError
from bayesltv.fitting.density import make_density
from bayesltv.model.arrivals import arrivals_model
from bayesltv.numerics.weekly_counts import states_given
from bayesltv.specs.model.events import Events, Occurrence
from bayesltv.specs.prior import PriorSpec

pytestmark = pytest.mark.filterwarnings("ignore::bayesltv.BayesltvWarning")
END = pd.Timestamp("2024-12-29")
DAY = int(END.to_datetime64().astype("datetime64[D]").astype(np.int64))
SALE = Events(
    tuple(Occurrence("sale", day, day + 6) for day in (DAY - 7 * at - 6 for at in (3, 17, 40))),
    (DAY - 3000, DAY + 400),
    {"sale": PriorSpec("LogNormal", {"mu": 0.0, "sigma": 1.0}, why="anything")},
)


def log_of(counts, channel="web", repeats=0.0, seed=0):
    """A log with so many first purchases in each week; a share of customers buys once more later."""
    rng, rows = np.random.default_rng(seed), []
    for week, number in enumerate(counts):
        start = END - pd.Timedelta(days=7 * (len(counts) - week) - 1)
        for at in range(int(number)):
            name = f"{channel} {week} {at}"
            rows.append((name, start + pd.Timedelta(days=int(rng.integers(7)))))
            if rng.random() < repeats and week + 1 < len(counts):
                later = int(rng.integers(week + 1, len(counts)))
                rows.append((name, END - pd.Timedelta(days=7 * (len(counts) - later) - 3)))
    return pd.DataFrame(rows, columns=["customer_id", "date"]).assign(amount=10.0, channel=channel)


def weeks_of(log, by=(), **options):
    return make_weeks(ltv.summarize(log, observation_end=END, groups=by, time_unit="day"), by, **options)


@pytest.fixture(scope="module")
def sold():
    """Two channels in 70 weeks, thrice as many in weeks of a sale."""
    rng = np.random.default_rng(4)
    factor = np.where(np.isin(np.arange(70), [69 - 3, 69 - 17, 69 - 40]), 3.0, 1.0)
    logs = [log_of(rng.poisson(level * factor), name, 0.3) for name, level in (("web", 12), ("shop", 5))]
    return pd.concat(logs)


@pytest.fixture(scope="module")
def fitted(sold):
    quick = {"tune": 400, "draws": 1000, "target_accept": 0.8}
    return ltv.fit_arrivals(
        sold, by="channel", seed=3, events=SALE, observation_end=END, sampler=quick, progress=False
    )


@pytest.fixture(scope="module")
def without_chains(sold):
    return ltv.fit_arrivals(
        sold[sold["channel"] == "web"], by="channel", seed=3, observation_end=END, burn=0,
        method="laplace", sampler={"draws": 500},
    )  # fmt: skip


# ----------------------------------------------------------------------------------------------------- weeks


def test_weeks_count_back_from_the_last_day_and_a_part_of_one_is_left_out():
    days = [END, END - pd.Timedelta(days=6), END - pd.Timedelta(days=7), END - pd.Timedelta(days=7 * 30 + 2)]
    log = pd.DataFrame({"customer_id": list("abcd"), "date": days, "amount": 1.0})
    with pytest.warns(BayesltvWarning, match="30 weeks are there: below 53"):
        found = weeks_of(log, burn=0)
    assert found.counts.shape == (1, 30)
    assert found.counts[0, -2:].tolist() == [1, 2]
    assert found.ends[-1] == DAY
    assert found.labels == ("all",)


@pytest.mark.parametrize(
    ("counts", "repeats", "dropped"),
    [
        ([40] * 8 + [10] * 72, 0.9, 8),  # old customers look new
        ([10] * 80, 0.9, 0),  # steady
        ([2] * 8 + [10] * 72, 0.9, 0),  # a shop that opens
        ([40] * 20 + [10] * 60, 0.9, 13),  # never more than a quarter
    ],
)
def test_a_start_that_only_looks_like_arrivals_is_left_out(counts, repeats, dropped):
    assert weeks_of(log_of(counts, repeats=repeats)).dropped == dropped


def test_what_is_left_out_is_said_and_can_be_kept():
    log = log_of([40] * 8 + [10] * 72, repeats=0.9)
    with pytest.warns(BayesltvWarning, match="first 8 weeks are left out: 40 customers a week .* 10 later"):
        weeks_of(log)
    assert weeks_of(log, burn=0).counts.shape[1] == 80


def test_too_few_weeks_are_refused_before_anything_is_sampled():
    with pytest.raises(DataError, match="25 weeks are there, and arrivals need 26"):
        ltv.fit_arrivals(log_of([5] * 25), seed=1, observation_end=END)


def test_a_log_whose_arrivals_end_is_pointed_out():
    with pytest.warns(BayesltvWarning, match="nobody was new in the last 12 weeks"):
        weeks_of(log_of([5] * 60 + [0] * 12, repeats=0.9), burn=0)


def test_seasons_are_thirteen_times_four_weeks():
    days = np.array(["2024-01-03", "2024-01-31", "2024-02-01", "2024-12-31"], "datetime64[D]").astype(
        np.int64
    )
    assert seasons_of(days + 3).tolist() == [0, 1, 1, 12]


# ----------------------------------------------------------------------------------------------------- model


def test_the_density_is_that_of_the_formulas():
    """Priors, AR(1) and negative binomial written anew; the whitening adds its Jacobian and nothing else."""
    rng = np.random.default_rng(1)
    weeks = Weeks(("channel",), (("a",), ("b",)), rng.poisson([[9] * 31, [4] * 31]), DAY)
    model = arrivals_model(weeks, SALE)
    density = make_density(model)
    points = density.start + 0.3 * rng.standard_normal((2, density.size))
    by_hand = [_by_hand(density.expand(point), weeks) for point in points]
    jacobians = [_jacobian(density, point) for point in points]
    found = [density(point)[0] for point in points]
    assert found[1] - found[0] == pytest.approx(
        by_hand[1] + jacobians[1] - by_hand[0] - jacobians[0], abs=1e-6
    )


def _by_hand(at, weeks):
    sd, rho, season_sd = float(at["shock_sd"]), float(at["shock_rho"]), float(at["season_sd"])
    lag = np.abs(np.subtract.outer(np.arange(31), np.arange(31)))
    centre = np.log(weeks.counts.mean(axis=1) + 0.5 / 31)
    factor = float(at["clock_factor_sale"])
    share = SALE.shares(weeks.ends - 6, weeks.ends)[0]
    eta = (
        at["level"][:, None] + at["trend"][:, None] * (weeks.ends - DAY) / 365.25
        + at["season"][seasons_of(weeks.ends)] + at["shock"] + np.log(1 + share * (factor - 1))
    )  # fmt: skip
    size = 1 / at["overdispersion"][:, None]
    return (
        stats.multivariate_normal(np.zeros(31), sd**2 * rho**lag).logpdf(at["shock"])
        + stats.norm(0, season_sd).logpdf(at["season"]).sum()
        + stats.norm(centre, 3.0).logpdf(at["level"]).sum()
        + stats.norm(0, 0.3).logpdf(at["trend"]).sum()
        + stats.halfnorm(0, 0.5).logpdf([sd, season_sd, *at["overdispersion"]]).sum()
        + stats.beta(2, 2).logpdf(rho) + stats.norm().logpdf(np.log(factor)) - np.log(factor)
        + stats.nbinom(size, size / (size + np.exp(eta))).logpmf(weeks.counts).sum()
    )  # fmt: skip


def _jacobian(density, point):
    """ln |d(natural values, states) / d point|, by differences."""
    names = ["shock_sd", "shock_rho", "season_sd", "overdispersion", "clock_factor_sale"]
    names += ["shock", "season", "level", "trend"]

    def natural(where):
        at = density.expand(where)
        return np.concatenate([np.ravel(at[name]) for name in names])

    step = 1e-5
    columns = [
        (natural(point + step * e) - natural(point - step * e)) / (2 * step) for e in np.eye(point.size)
    ]
    return np.linalg.slogdet(np.stack(columns))[1]


def test_the_gradient_is_that_of_the_density():
    rng = np.random.default_rng(2)
    weeks = Weeks(("channel",), (("a",), ("b",)), rng.poisson([[9] * 28, [4] * 28]), DAY)
    density = make_density(arrivals_model(weeks, SALE))
    point, step = density.start + 0.2 * rng.standard_normal(density.size), 1e-5
    across = [
        (density(point + step * e)[0] - density(point - step * e)[0]) / (2 * step) for e in np.eye(point.size)
    ]
    assert density(point)[1] == pytest.approx(across, rel=1e-4, abs=1e-4)


@pytest.mark.slow
def test_a_fit_of_arrivals_passes_its_gate_and_knows_what_it_was_made_with(fitted):
    assert {each["name"]: each["status"] for each in json.loads(fitted.attrs["checks"])}["rhat"] == "pass"
    assert all(each["status"] in ("pass", "not applicable") for each in json.loads(fitted.attrs["checks"]))
    posterior = fitted["posterior"]
    low, high = posterior["clock_factor_sale"].quantile([0.025, 0.975]).values
    assert low < 3.0 < high
    assert low > 1.5
    ratio = np.exp(posterior["level"].sel(channel="web") - posterior["level"].sel(channel="shop"))
    assert float(ratio.mean()) == pytest.approx(12 / 5, rel=0.35)
    assert "arrivals_offset_states" not in posterior


def test_a_fit_of_arrivals_is_kept_and_verified_like_others(without_chains, tmp_path):
    path = ltv.save(without_chains, tmp_path / "arrivals.nc")
    again = ltv.load(path)
    assert again.attrs["digest"] == without_chains.attrs["digest"]
    again.attrs["arrivals"] = again.attrs["arrivals"].replace("web", "tv")
    with pytest.raises(StoreError, match="not as it was made"):
        ltv.save(again, path)
    with pytest.raises(StoreError, match="not a fit of customers but of arrivals"):
        ltv.customer_base(without_chains, pd.DataFrame(), seed=1)


@pytest.mark.slow
def test_the_same_seed_and_a_summary_in_the_place_of_the_log_give_the_same_draws(sold):
    short = {"sampler": {"draws": 20, "tune": 20, "chains": 2}, "seed": 1, "by": "channel", "progress": False}
    short["events"] = SALE
    whole = ltv.fit_arrivals(sold, observation_end=END, **short)
    summary = ltv.summarize(sold, observation_end=END, groups=["channel"])
    assert ltv.fit_arrivals(summary, **short).attrs["digest"] == whole.attrs["digest"]
    with pytest.raises(DataError, match="a summary has its own end"):
        ltv.fit_arrivals(summary, observation_end=END, **short)


def test_events_must_be_known_for_the_weeks(sold):
    short = Events(SALE.occurrences, (SALE.occurrences[-1].first_day, DAY), SALE.priors)
    with pytest.raises(DataError, match="events cover"):
        ltv.fit_arrivals(sold, seed=1, events=short, observation_end=END)


# ------------------------------------------------------------------------------------------------------ plan


def plan_of(**columns):
    made = {"week": ["2025-01-06", "2025-01-13"], "channel": "web", "customers": [10, 12], "cac": 5.0}
    return pd.DataFrame({**made, **columns})


def test_a_plan_is_read_from_its_file(tmp_path):
    plan_of(sd=[1, 0]).to_csv(tmp_path / "plan.csv", index=False)
    found = read_plan(tmp_path / "plan.csv", columns=(), end=DAY)
    assert found.labels == ("web", "web")
    assert (found.customers.tolist(), found.sd.tolist(), found.cac.tolist()) == ([10, 12], [1, 0], [5, 5])
    assert found.last_day == DAY + 21


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"customers": [10, -1]}, "customers must be numbers of 0 or more, but row 3 has"),
        ({"customers": [10.5, 1]}, "customers must be whole"),
        ({"customers": ["ten", 1]}, "customers must be numbers .* row 2 has 'ten'"),
        ({"cac": [-1, 5]}, "cac must be numbers of 0 or more"),
        ({"sd": [1, -1]}, "sd must be numbers of 0 or more"),
        ({"week": ["2025-01-06", "soon"]}, "week must be its first day .* row 3 has 'soon'"),
        (
            {"week": ["2024-12-23", "2025-01-06"]},
            "1 week overlaps what is observed until 2024-12-29 .2024-12-23",
        ),
        ({"week": ["2025-01-06", "2025-01-10"]}, "the week of 2025-01-10 overlaps another one of 'web'"),
        ({"channel": ["web", None]}, "rows without a channel"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_by_name(columns, message):
    with pytest.raises(DataError, match=message):
        read_plan(plan_of(**columns), columns=(), end=DAY)


@pytest.mark.parametrize("name", ["week", "channel", "customers", "cac"])
def test_a_plan_names_the_column_that_it_lacks(name):
    with pytest.raises(DataError, match=f"lacks '{name}': it needs week, channel, customers, cac"):
        read_plan(plan_of().drop(columns=name), columns=(), end=DAY)
    with pytest.raises(DataError, match="no rows"):
        read_plan(plan_of().iloc[:0], columns=(), end=DAY)


def test_a_plan_of_several_columns_names_them():
    plan = plan_of().rename(columns={"channel": "country"}).assign(device="phone")
    assert read_plan(plan, columns=("country", "device"), end=DAY).labels == ("web | phone", "web | phone")
    with pytest.raises(DataError, match="lacks 'country': it needs week, country, device, customers, cac"):
        read_plan(plan_of(), columns=("country", "device"), end=DAY)


# ------------------------------------------------------------------------------------------- without chains


def test_heights_of_states_are_those_of_scipy():
    rng = np.random.default_rng(5)
    counts, size = rng.poisson(9.0, (1, 6)).astype(float), 7.0
    index = np.stack([np.arange(6), np.full(6, 6)], axis=1)[None]
    value, centres = np.ones((1, 6, 2)), np.array([2.0])
    root = rng.standard_normal((7, 7)) + 4 * np.eye(7)
    heights, expected = [], []
    for scale, z in zip((1.0, 1.0, 2.0, 5.0), rng.standard_normal((4, 7)), strict=True):
        prior = scale * root @ root.T
        x, height, volume, _ = states_given(z, counts, index, value, centres, np.array([size]), prior)
        mean = np.exp(2.0 + x[:6] + x[6])
        known = stats.nbinom.logpmf(counts[0], size, size / (size + mean)).sum()
        heights.append(height)
        expected.append(known + stats.multivariate_normal(np.zeros(7), np.linalg.inv(prior)).logpdf(x))
        assert volume >= 0.5 * np.linalg.slogdet(prior)[1]  # counts only add to what is known
    assert np.diff(heights) == pytest.approx(np.diff(expected), rel=1e-9)


def test_without_chains_levels_come_out_and_checks_pass(sold, without_chains):
    assert ltv.check(without_chains).verdict == "passed"
    assert float(without_chains["posterior"]["level"].mean()) == pytest.approx(np.log(12), abs=0.3)
    with pytest.raises(FitError, match="NUTS"):
        ltv.fit_arrivals(sold, seed=3, events=SALE, observation_end=END, method="laplace")
