"""Rivals see what was known at a cut and nothing else; losses are told like wins."""

import json

import numpy as np
import pandas as pd
import pytest

import bayesltv as ltv
from bayesltv.comparison import benchmark as bench
from bayesltv.comparison.forecast import Forecast
from bayesltv.comparison.known import known_at
from bayesltv.comparison.named import carried_by, named
from bayesltv.comparison.origins import Origins
from bayesltv.comparison.plain_log import read_plain
from bayesltv.comparison.rivals import boosted as boosting
from bayesltv.comparison.rivals.features import features
from bayesltv.comparison.rivals.registry import RIVALS, Rival
from bayesltv.comparison.rivals.simple_rules import average_order, last_window, past_spend
from bayesltv.comparison.scores import judge, paired, scores
from bayesltv.data.log.reading import LogReading

CUT = "1997-06-30"
WORLD = {"r": 1.0, "alpha": 4.0, "a": 1.0, "b": 3.0}
MONEY = {"p": 4.0, "q": 4.0, "v": 30.0}


@pytest.fixture(scope="module")
def log():
    return ltv.simulate_log(300, seed=5, purchase=WORLD, spend=MONEY, observation_end="1997-12-31")


def known_of(log, *, cut=CUT, days=91, reading=None):
    end = pd.Timestamp(cut)
    plain = read_plain(log, reading or LogReading(), Origins(customers=10_000), until=end)
    return known_at(plain, end, days, time_unit="week")


def rows(*purchases):
    return pd.DataFrame(purchases, columns=["customer_id", "date", "amount"])


HAND = rows(
    ("a", "1997-01-01", 10.0),
    ("a", "1997-01-11", 20.0),
    ("a", "1997-01-31", 60.0),
    ("b", "1997-01-21", 5.0),
    ("b", "1997-02-10", 7.0),  # after the cut
)


def test_figures_of_a_customer_are_what_a_person_reckons():
    known, _ = known_of(HAND, cut="1997-02-09", days=20)
    table = features(known.days_upto(known.cut), cut=known.cut, horizon=20)
    assert table.shape == (2, 25)
    a = table.loc["a"]
    expected = {
        "frequency": 2, "age": 39, "recency": 30, "silence": 9, "rate": 3 / 39, "wait_mean": 15,
        "wait_last": 20, "wait_max": 20, "wait_std": np.std([10, 20], ddof=1), "silence_in_waits": 9 / 15,
        "purchases_0.25": 0,
        "purchases_0.5": 1, "purchases_1.0": 1, "purchases_2.0": 3, "spend_0.5": 60, "spend_2.0": 90,
        "amount_sum": 90, "amount_mean": 30, "amount_first": 10, "amount_last": 60, "amount_max": 60,
        "months_with_purchase": 2,
    }  # fmt: skip
    assert {name: a[name] for name in expected} == pytest.approx(expected)
    b = table.loc["b"]
    assert (b["frequency"], b["age"], b["silence"], b["purchases_1.0"], b["spend_1.0"]) == (0, 19, 19, 1, 5)
    assert np.isnan(b["wait_mean"])


def test_rules_of_thumb_are_what_a_person_reckons():
    known, actual = known_of(HAND, cut="1997-02-09", days=20)
    assert actual["purchases"].tolist() == [0, 1]
    assert actual["spend"].tolist() == [0, 7]
    assert past_spend(known)["purchases"].mean.tolist() == [3, 1]
    assert past_spend(known)["spend"].mean.tolist() == [90, 5]
    assert last_window(known)["purchases"].mean.tolist() == [1, 1]  # 21 January to 9 February
    assert last_window(known)["spend"].mean.tolist() == [60, 5]
    rate = average_order(known)
    assert rate["purchases"].mean == pytest.approx([3 / 39 * 20, 1 / 19 * 20])
    assert rate["spend"].mean == pytest.approx([90 / 39 * 20, 5 / 19 * 20])


def test_no_rival_sees_what_came_after_the_cut(log, monkeypatch):
    """Refunds of earlier purchases included: what is not known yet changes nothing."""
    monkeypatch.setitem(boosting.SETTINGS, "max_iter", 5)
    kept = log[log["date"] <= CUT]
    refund = kept.groupby("customer_id").tail(1).assign(date=pd.Timestamp("1997-07-15"))
    other = pd.concat([kept, refund.assign(amount=-refund["amount"])])
    for forecast in (boosting.boosted, past_spend, last_window, average_order):
        seen, blind = (forecast(known_of(each)[0]) for each in (log, other))
        for quantity in ("purchases", "spend"):
            np.testing.assert_array_equal(seen[quantity].mean, blind[quantity].mean)
            np.testing.assert_array_equal(seen[quantity].ordered, blind[quantity].ordered)


def test_windows_to_learn_from_end_before_the_cut(log):
    for days in (28, 91, 184):
        known, _ = known_of(log, days=days)
        cuts, width = boosting.earlier_cuts(known)
        assert len(cuts) == len(set(cuts)) == 4
        assert max(cuts) + pd.Timedelta(days=width) == known.cut
        assert width <= known.days
        assert (min(cuts) - known.first).days >= (known.cut - known.first).days // 4 - 1


def test_what_was_done_next_is_scaled_to_the_horizon(log):
    known, _ = known_of(log, days=184)
    (_, after), (cuts, width) = boosting.examples(known), boosting.earlier_cuts(known)
    assert width < 184
    bought = log.assign(day=pd.to_datetime(log["date"]).dt.normalize()).drop_duplicates(
        ["customer_id", "day"]
    )
    counted = 0
    for cut in cuts:
        seen = bought[bought["day"] <= cut]["customer_id"].unique()
        later = bought[(bought["day"] > cut) & (bought["day"] <= cut + pd.Timedelta(days=width))]
        counted += later["customer_id"].isin(seen).sum()
    assert after["purchases"].sum() == pytest.approx(counted * 184 / width)


def test_a_boosted_model_learns_who_buys_and_its_quantiles_do_not_cross(log, monkeypatch):
    monkeypatch.setitem(boosting.SETTINGS, "max_iter", 40)
    known, actual = known_of(log)
    made = boosting.boosted(known)
    for quantity, forecast in made.items():
        assert forecast.mean.shape == actual[quantity].shape
        assert (np.diff(forecast.ordered, axis=1) >= 0).all()
        assert (forecast.ordered >= 0).all()
        assert scores(forecast, actual[quantity])["gini"] > 0.3
    assert (made["purchases"].ordered == np.rint(made["purchases"].ordered)).all()
    np.testing.assert_array_equal(boosting.boosted(known)["spend"].mean, made["spend"].mean)


def test_a_log_too_short_to_learn_from_is_named():
    with pytest.raises(ltv.DataError, match="too few for them: take a later cut"):
        boosting.boosted(known_of(HAND, cut="1997-01-12", days=20)[0])


# ---------------------------------------------------------------------------------------------------- scores


def test_a_number_alone_is_judged_by_its_error():
    found = scores(Forecast(np.array([1.0, 2.0, 6.0])), np.array([0.0, 2.0, 2.0]))
    assert found["crps"] == found["mae"] == pytest.approx(5 / 3)
    assert found["rmse"] == pytest.approx(np.sqrt(17 / 3))
    assert found["total"] == pytest.approx(9 / 4 - 1)
    assert "inside_90" not in found


def test_a_distribution_is_judged_by_its_shape():
    rng = np.random.default_rng(1)
    actual = rng.normal(5, 2, 400)
    draws = np.sort(rng.normal(5, 2, (400, 300)), axis=1)
    found = scores(Forecast(draws.mean(axis=1), draws), actual)
    assert found["inside_90"] == pytest.approx(0.9, abs=0.06)
    assert found["crps"] == pytest.approx(2 / np.sqrt(np.pi), rel=0.1)  # of a normal forecast that is right


def test_a_paired_interval_is_as_wide_as_the_standard_error_says():
    rng = np.random.default_rng(2)
    actual = rng.gamma(1.0, 2.0, 2000)
    ours, theirs = (judge(Forecast(actual + rng.normal(0, sd, 2000)), actual) for sd in (1.0, 1.3))
    gap = theirs.crps - ours.crps
    middle, low, high = paired("crps", theirs, ours)
    assert middle == pytest.approx(gap.mean())
    assert (high - low) / 3.92 == pytest.approx(gap.std() / np.sqrt(2000), rel=0.1)
    middle, low, high = paired("rmse", theirs, ours)
    assert 0 < low < middle < high
    assert middle == pytest.approx(0.3, abs=0.05)
    assert paired("gini", theirs, ours)[2] < 0  # a worse order


# ------------------------------------------------------------------------------------------------- benchmark


def test_our_rows_are_what_evaluate_says(log):
    found = ltv.benchmark(log, models=["pooled"], rivals=["past spend"], cut=CUT, horizon="13 weeks", seed=3)
    summary = ltv.summarize(log, observation_end=CUT, time_unit="week")
    fit = ltv.fit(summary, "pooled", seed=3, method="laplace", progress=False)
    judged = ltv.evaluate(fit, summary, log, horizon="13 weeks", seed=3, draws=1000, tracking=False)
    table = found.table.set_index(["quantity", "method"])
    for quantity in ("purchases", "spend"):
        row = table.loc[(quantity, "pooled")]
        assert row["crps"] == pytest.approx(judged.score("crps", quantity))
        assert row["mae_of_median"] == pytest.approx(judged.score("mae_of_median", quantity), rel=0.02)
        assert row["rmse"] == pytest.approx(
            judged.score("rmse_of_mean", quantity), rel=0.05
        )  # drawn, not exact
        assert row["actual"] == pytest.approx(judged.total(quantity)["actual"])
        assert row["total_p05"] == pytest.approx(judged.total(quantity)["p05"], rel=1e-3)
    assert table.loc[("spend", "past spend"), "crps_diff"] > 0
    json.loads(found.to_json(), parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


@pytest.fixture
def quick(monkeypatch):
    """Ours is a constant here: what is looked at is what stands beside it."""

    def constant(known, _spec, *, seed):
        return {name: Forecast(np.full(len(known.summary), 1.0)) for name in known.quantities}

    monkeypatch.setattr(bench, "posterior_forecast", constant)
    return {"models": ["pooled"], "cut": CUT, "horizon": "13 weeks"}


def test_without_its_extra_a_rival_is_named_and_the_rest_is_run(log, quick, monkeypatch):
    monkeypatch.setitem(RIVALS, "gradient boosting", Rival(boosting.boosted, "no_such_module", "benchmark"))
    found = ltv.benchmark(log, rivals=["gradient boosting", "past spend"], **quick)
    assert found.skipped == {"gradient boosting": 'pip install "bayesltv[benchmark]"'}
    assert set(found.table["method"]) == {"pooled", "past spend"}


def test_a_rival_that_breaks_is_a_result_too(log, quick, monkeypatch):
    def breaks(_known):
        raise RuntimeError("did not converge")

    monkeypatch.setitem(RIVALS, "lifetimes, MLE", Rival(breaks))
    found = ltv.benchmark(log, rivals=["lifetimes, MLE", "past spend"], **quick)
    assert found.skipped == {"lifetimes, MLE": "RuntimeError: did not converge"}
    monkeypatch.setattr(bench, "posterior_forecast", lambda *_, **__: breaks(None))
    with pytest.raises(RuntimeError, match="converge"):  # ours must not be left out in silence
        ltv.benchmark(log, rivals=["past spend"], **quick)


def test_losses_are_told_as_plainly_as_wins(log, quick):
    found = ltv.benchmark(log, rivals=["past spend", "last window repeated"], **quick)
    gini = next(line for line in found.verdict if line.startswith("purchases, Gini"))
    assert "pooled (0) LOSES to" in gini  # a constant orders nobody
    assert len(found.verdict) == 6
    table = found.table[found.table["quantity"] == "purchases"].set_index("method")
    mean = table.loc["pooled", "actual"] / found.facts["customers"]
    assert table.loc["pooled", "total"] == pytest.approx(1 / mean - 1)


@pytest.mark.parametrize(
    "name",
    ["lifetimes, MLE", "predictive at the MLE", pytest.param("pymc-marketing, MAP", marks=pytest.mark.slow)],
)
def test_each_package_forecasts_about_as_many_purchases_as_came(log, name):
    known, actual = known_of(log, days=56)
    made = RIVALS[name].forecast(known)
    assert set(made) == {"purchases", "spend"}
    for quantity, forecast in made.items():
        assert forecast.mean.shape == (len(known.summary),)
        assert 0.4 < forecast.mean.sum() / actual[quantity].sum() < 3
    assert (made["purchases"].ordered is None) == (name != "predictive at the MLE")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"rivals": ["xgboost"]}, "no rival 'xgboost': take gradient boosting, "),
        ({"horizon": "60 weeks"}, "does not lie within"),
        ({"cut": "1999-01-01"}, "the cut 1999-01-01"),
        ({"models": {"past spend": "pooled"}}, 'a model is called "past spend" like a rival'),
        ({"customers": 10}, "customers=10 are too few"),
        ({"cut": "1997-01-02"}, "customers had bought up to 1997-01-02, and at least 50"),
        ({"columns": {"groups": []}}, "columns has no 'groups'"),
    ],
)
def test_what_cannot_be_benchmarked_is_refused_before_anything_is_fitted(log, asked, words):
    with pytest.raises(ltv.DataError, match=words):
        ltv.benchmark(log, **{"cut": CUT, "horizon": "13 weeks", **asked})
    with pytest.raises(ltv.SpecError, match="mbg_pooled"):
        ltv.benchmark(log, models=["mbg_poled"])


def test_a_model_that_the_log_is_too_short_for_is_refused_by_name_before_the_first_is_fitted(log):
    asked = {"models": ["pooled", "clock"], "cut": "1997-03-01", "horizon": "4 weeks"}
    with pytest.raises(ltv.DataError, match=r"^clock: the clock has 3 blocks of 4 weeks in 59 days"):
        ltv.benchmark(log, **asked, step=lambda _: pytest.fail("fitted"))


def test_a_log_without_amounts_is_judged_by_purchases_alone(log, quick):
    found = ltv.benchmark(log, rivals=["past spend"], columns={"monetary_value_col": None}, **quick)
    assert set(found.table["quantity"]) == {"purchases"}


# ------------------------------------------------------------------------------- a log read once, and names


def test_customers_of_a_large_log_are_drawn_by_seed_and_id_alone(log):
    until = pd.Timestamp(CUT)

    def drawn(frame, seed):
        return read_plain(frame, LogReading(), Origins(customers=60, seed=seed), until=until)

    one, other = drawn(log, 1), drawn(log.sample(frac=1.0, random_state=1), 1)
    assert one.ids == other.ids
    assert len(one.ids) == 60
    assert one.customers == (log.groupby("customer_id")["date"].min() <= CUT).sum()
    assert drawn(log, 2).ids != one.ids
    whole = log[log["customer_id"].isin(one.ids)]
    assert len(one.rows) == len(whole)
    assert one.rows["amount"].sum() == pytest.approx(whole["amount"].sum())


def test_a_plain_log_gives_the_summary_that_the_log_gives(tmp_path):
    """Refunds, stamps with a zone, and groups that look like numbers."""
    days = [
        "2024-01-01T23:30Z",
        "2024-01-20T10:00Z",
        "2024-01-02T08:00Z",
        "2024-02-01T08:00Z",
        "2024-01-03T08:00Z",
    ]
    who, paid = ["007", "007", "8", "8", "9"], [10.0, -4.0, 5.5, 6.5, 1.25]
    path = tmp_path / "log.csv"
    pd.DataFrame({"who": who, "when": days, "paid": paid, "shop": [1, 1, 2, 2, 2]}).to_csv(path, index=False)
    reading = LogReading("who", "when", "paid", timezone="Asia/Tokyo")
    end = pd.Timestamp("2024-02-10")
    carried = carried_by({"one": ltv.ModelSpec(groups=("shop",))})
    plain = read_plain(path, reading, Origins(log_end=end), until=end, carried=carried)
    direct = ltv.summarize(path, observation_end=end, time_unit="week", groups=["shop"], **reading.keywords)
    known, _ = known_at(plain, end, 7, time_unit="week")
    pd.testing.assert_frame_equal(known.summary, direct)


def test_customers_acquired_from_a_day_on_are_no_warning_of_a_log_that_starts_mid_life(log):
    """Half the log's customers are there on its first days: without `acquired_from` the summary warns."""
    shifted = log.assign(date=log["date"].clip(lower=pd.Timestamp("1997-02-15")))
    origins = Origins(acquired_from="1997-02-16", customers=10_000)
    end = pd.Timestamp(CUT)
    plain = read_plain(shifted, LogReading(), origins, until=end)
    known, _ = known_at(plain, end, 28, time_unit="week")
    assert 0 < len(known.summary) == plain.customers < 250
    with pytest.warns(ltv.BayesltvWarning, match="mid-life"):
        known_at(read_plain(shifted, LogReading(), Origins(), until=end), end, 28, time_unit="week")


def test_files_of_one_name_are_told_apart(tmp_path):
    paths = [tmp_path / folder / "spec.toml" for folder in ("a", "b")]
    assert list(named(paths)) == [str(path) for path in paths]
    assert list(named(["pooled", tmp_path / "mine.toml"])) == ["pooled", "mine"]
    assert list(named("pooled")) == ["pooled"]
    with pytest.raises(ltv.DataError, match='2 models are called "pooled"'):
        named(["pooled", "pooled"])
