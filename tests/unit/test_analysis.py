"""Questions of everyday: each against a reckoning of its own."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import bayesltv as ltv
from bayesltv.analysis.levers import STEP
from bayesltv.analysis.ranking import _places
from bayesltv.prediction.packed import at_means
from golden_values import SEED, decision, stored_fit, stored_summary

DRAWS = 200


@pytest.fixture(scope="module")
def base():
    summary = stored_summary("summary_grouped")
    return ltv.customer_base(stored_fit("grouped"), summary.head(150), seed=SEED, draws=DRAWS)


@pytest.fixture(scope="module")
def asked():
    value = replace(decision("retention").value, service_cost=2.0)
    return ltv.DecisionSpec(value=value, tiers=ltv.TierSpec.preset("hvc_mvc_lvc"))


def mean_value(base, asked):
    return base.score(ltv.DecisionSpec(value=asked.value))["ltv_mean"].sum()


# ------------------------------------------------------------------------------------------------ levers


def test_value_given_latents_is_on_average_that_of_the_score(base, asked):
    wide = replace(base, draws=None)
    found = wide.composition(asked, by=base.posterior.columns)
    total = (found["value_mean"] * found["customers"]).sum()
    assert total == pytest.approx(mean_value(wide, asked), rel=0.03)
    assert found["customers"].sum() == len(base)


@pytest.fixture(scope="module")
def elasticity(base, asked):
    return base.elasticity(asked).set_index("lever")


@pytest.mark.parametrize("margin", [1.01, 0.99])
def test_one_per_cent_of_margin_is_what_another_margin_predicts(base, asked, elasticity, margin):
    """Margin is linear in value: the score with another margin is the whole answer."""
    other = replace(asked, value=replace(asked.value, margin=asked.value.margin * margin))
    change = (mean_value(base, other) - mean_value(base, asked)) / (margin - 1) * 0.01
    wide = replace(base, draws=None).elasticity(asked).set_index("lever").loc["margin"]
    assert wide["one_percent_mean"] == pytest.approx(change, rel=0.03)
    assert elasticity.loc["spend", "one_percent_mean"] == elasticity.loc["margin", "one_percent_mean"]


@pytest.mark.parametrize(("lever", "effect"), [("purchase_rate", "rate"), ("dropout", "dropout")])
def test_one_per_cent_of_a_rate_is_what_an_action_for_all_would_bring(base, asked, elasticity, lever, effect):
    """The kernel of actions is another way to the same difference, at the same latents."""

    def net(factor):
        kind = {"rate": "contact", "dropout": "membership"}[effect]
        prior = ltv.PriorSpec.elicited(mass=0.9, between=(0.9, 1.1))
        action = ltv.ActionSpec(name="all", kind=kind, contact=0.0, running=0.0, effects={effect: prior})
        plan = base.decide(
            replace(asked, tiers=None, actions=(action,)),
            effects={
                "all": ltv.Effects(
                    {effect: np.full(base.posterior.chains * base.posterior.draws_per_chain, factor)}
                )
            },
        )
        return plan.draws["net"].sel(policy="one_for_all_all").mean().item()

    better = net(1 + STEP) if lever == "purchase_rate" else net(1 - STEP)
    worse = net(1 - STEP) if lever == "purchase_rate" else net(1 + STEP)
    assert elasticity.loc[lever, "one_percent_mean"] == pytest.approx((better - worse) / 2, rel=1e-4)


def test_elasticities_have_their_signs_and_more_spend_is_one_per_cent_without_a_cost_of_service(base, asked):
    free = replace(asked, value=replace(asked.value, service_cost=0.0))
    found = base.elasticity(free).set_index("lever")
    assert found.loc["spend", ["elasticity_p05", "elasticity_p95"]].tolist() == pytest.approx([1.0, 1.0])
    assert 0 < found.loc["purchase_rate", "elasticity_mean"] < 1  # more purchases, and more coins
    assert found.loc["dropout", "elasticity_mean"] < 0


def test_the_parts_of_a_difference_add_up(base, asked):
    found = base.composition(asked, by="tier")
    parts = found[["rate_mean", "lifetime_mean", "spend_mean", "service_mean"]].sum(axis=1)
    assert np.allclose(parts, found["difference_mean"], rtol=0, atol=1e-9)
    assert found["difference_mean"] @ found["customers"] == pytest.approx(0, abs=1e-6)
    best = found.set_index("tier").loc["hvc"]
    assert best["difference_p05"] > 0


def test_a_label_in_which_nobody_lives_is_worth_less_by_lifetime_alone(base):
    from bayesltv.analysis.levers import _by_logarithms

    own, whole = np.zeros((1, 3, 2)), np.ones((1, 3, 2))
    gap = np.full((1, 2), -4.0)
    rate, lifetime, spend = _by_logarithms(own, whole, np.ones((1, 1)), 2.0, gap + 4.0, -gap)
    assert (rate == 0).all()
    assert (spend == 0).all()
    assert (lifetime == gap).all()


def test_threads_and_blocks_change_nothing(base, asked, monkeypatch):
    from bayesltv.analysis import levers

    whole = base.elasticity(asked, by="tier", threads=1)
    monkeypatch.setattr(levers, "block_size", lambda *_: 7)
    pd.testing.assert_frame_equal(base.elasticity(asked, by="tier", threads=2), whole)


def test_a_column_that_is_not_there_gets_the_nearest(base, asked):
    with pytest.raises(ltv.DataError, match=r"there is no column 'tyer'.*did you mean \"tier\""):
        base.elasticity(asked, by="tyer")


# ------------------------------------------------------------------------------------------------ ranking


@pytest.mark.parametrize("n", [1, 40, 150])
def test_probabilities_of_the_first_n_add_up_to_n(base, asked, n):
    found = base.top(n, asked)
    assert found["p_top"].sum() == pytest.approx(n)
    assert found["p_top"].between(0, 1).all()


def test_places_are_those_of_sorting_draw_by_draw(base, asked):
    terms = asked.value
    drawn = base.predict(
        horizon=terms.horizon, annual_discount_rate=terms.annual_discount_rate, margin=terms.margin,
        service_cost_per_year=2.0,
    )["value"].stack(all=("chain", "draw")).values  # fmt: skip
    ranked = pd.DataFrame(drawn).rank(ascending=False, method="average")
    share = (ranked <= 20).mean(axis=1).to_numpy()
    found = base.top(20, asked)["p_top"].to_numpy()
    assert np.allclose(found, share, atol=0.02)


def test_level_customers_share_their_places():
    value = np.array([[3.0], [1.0], [1.0], [1.0], [0.0]])
    assert _places(value, 2).tolist() == pytest.approx([1.0, 1 / 3, 1 / 3, 1 / 3, 0.0])


def test_more_places_than_customers_are_refused(base, asked):
    with pytest.raises(ltv.DataError, match="n=151 is more than the 150 customers"):
        base.top(151, asked)


# ----------------------------------------------------------------------------------------- expectations


def test_several_horizons_are_each_by_itself(base, asked):
    found = base.horizons(["90 days", "12 months"], asked)
    for horizon in ("90 days", "12 months"):
        alone = base.score(ltv.DecisionSpec(value=replace(asked.value, horizon=horizon)))
        mine = found[found["horizon"] == horizon].reset_index(drop=True)
        for column in ("expected_purchases", "ltv_mean", "ltv_p95"):
            assert (mine[column] == alone[column]).all()


def test_silence_is_the_score_of_a_log_that_ends_later(asked):
    """Nobody buys in the days that are added: the summary of the same log, cut later, says the same."""
    log = ltv.simulate_log(
        60, seed=3, family="mbg_nbd", start="2020-01-01", observation_end="2020-12-31",
        purchase={"r": 0.5, "alpha": 4.0, "a": 0.8, "b": 2.0}, spend={"p": 6.0, "q": 4.0, "v": 15.0},
    )  # fmt: skip
    early = ltv.summarize(log, observation_end="2020-12-31", time_unit="week")
    late = ltv.summarize(log, observation_end="2021-02-28", time_unit="week")
    fit = stored_fit("pooled")
    found = ltv.customer_base(fit, early, seed=1, draws=50).silent([0, 59], asked)
    for days, summary in ((0, early), (59, late)):
        want = ltv.customer_base(fit, summary, seed=1, draws=50).score(asked)
        mine = found[found["days"] == days].reset_index(drop=True)
        for column in ("p_alive", "expected_purchases", "ltv_mean"):
            assert np.allclose(mine[column], want[column], rtol=1e-12, atol=0)
    assert (found[found["days"] == 59]["p_alive"].to_numpy() <= found[found["days"] == 0]["p_alive"]).all()


def test_the_posterior_of_an_expectation_has_the_mean_of_the_score_and_is_narrower_than_a_forecast(
    base, asked
):
    found, scores = base.expectation(asked), base.score(asked)
    assert np.allclose(found["expectation_mean"], scores["ltv_mean"], rtol=1e-9)
    width = found["expectation_p95"] - found["expectation_p05"]
    assert (width < scores["ltv_p95"] - scores["ltv_p05"])[scores["ltv_p95"] > 0].mean() > 0.95


def test_the_posterior_of_an_expectation_is_the_score_of_each_draw(base, asked):
    """One draw's expectation is the score of a fit that has this draw alone."""
    few = replace(base, draws=8)
    population = few.placed(8).population
    each = []
    for at in range(population.draws.size):
        one = at_means(population.of_draws(slice(at, at + 1)))
        placed = replace(few, draws=1)
        placed._placements[1] = few.placed(8)._replace(population=one)
        each.append(placed.expectation(asked)["expectation_mean"].to_numpy())
    want = np.quantile(np.array(each), 0.5, axis=0)
    assert np.allclose(few.expectation(asked)["expectation_p50"], want, rtol=1e-9)


# ------------------------------------------------------------------------------------------------ RFM


def test_classes_partition_the_base_and_run_with_what_they_are_made_of(base):
    found = base.rfm()
    assert len(found) == len(base)
    assert found["rfm"].str.fullmatch("[1-5]{3}").all()
    for column, made_of in (("r_score", "days_since_last"), ("f_score", "purchases"), ("m_score", "money")):
        sign = -1 if column == "r_score" else 1
        ordered = found.assign(key=sign * found[made_of]).sort_values("key")
        assert ordered[column].is_monotonic_increasing
        assert (found.groupby(made_of)[column].nunique() == 1).all()
    assert found["rfm_segment"].notna().all()


def test_classes_are_of_about_equal_size_where_nobody_is_level():
    from bayesltv.analysis.rfm import _classes

    values = np.random.default_rng(1).normal(size=100)
    assert np.bincount(_classes(values, 5))[1:].tolist() == [20] * 5
    assert set(_classes(np.zeros(7), 5)) == {3}


def test_segments_stand_beside_tiers_and_stages_and_make_cells_of_a_test(base):
    scores = base.score(decision("retention"))
    found = base.rfm(decision("retention"))
    assert (found["tier"] == scores["tier"]).all()
    assert found["stage"].notna().all()
    joined = scores.assign(rfm_segment=found["rfm_segment"])
    cells = ltv.suggest_cells(joined, window="8 weeks", by=["rfm_segment"])
    assert cells["columns"].tolist() == ["", "rfm_segment"]
    assert cells["cells"].tolist() == [1, found["rfm_segment"].nunique()]


def test_a_preset_of_tiers_is_written_out_and_read_back(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        '[value]\nhorizon = "1 year"\nannual_discount_rate = 0.1\nmargin = 0.3\n'
        '[tiers]\npreset = "hvc_mvc_lvc"\n'
    )
    found = ltv.load_decision(path)
    assert found.tiers.names == ("lvc", "mvc", "hvc")
    assert found.tiers.tops == (0.5, 0.2)
    assert ltv.DecisionSpec.from_dict(found.to_dict()) == found
    path.write_text(path.read_text().replace("hvc_mvc_lvc", "hvc_mvc"))
    with pytest.raises(ltv.SpecError, match='did you mean "hvc_mvc_lvc"'):
        ltv.load_decision(path)
