"""What must not change a result: order, ids, blocks, threads, units of time and money."""

import numpy as np
import pandas as pd
import pytest

import bayesltv as ltv

CENT = 0.01
"""Closer than this is equal: a customer all but surely gone is worth a millionth of it, to no digit."""
TERMS = {"horizon": "26 weeks", "annual_discount_rate": 0.1, "margin": 0.3, "seed": 4}


def scored(fit, summary, decision, **settings):
    return ltv.score(fit, summary, decision, seed=9, draws=400, **settings)


def test_permuted_rows_give_the_same_bytes_per_id(pooled_fit, cdnow, decision):
    shuffled = cdnow.sample(frac=1.0, random_state=5)
    straight, mixed = scored(pooled_fit, cdnow, decision), scored(pooled_fit, shuffled, decision)
    assert list(mixed["customer_id"]) == list(shuffled["customer_id"])
    back = mixed.set_index("customer_id").loc[straight["customer_id"]].reset_index()
    pd.testing.assert_frame_equal(pd.DataFrame(straight), pd.DataFrame(back), check_exact=True)
    assert straight.totals.identical(mixed.totals)


@pytest.mark.parametrize("block", [1, 7, 1000])
@pytest.mark.parametrize("threads", [1, 2])
def test_blocks_and_threads_never_change_a_byte(pooled_fit, cdnow, decision, block, threads):
    some = cdnow.iloc[::5]
    expected = scored(pooled_fit, some, decision, block=64, threads=1)
    got = scored(pooled_fit, some, decision, block=block, threads=threads)
    pd.testing.assert_frame_equal(pd.DataFrame(expected), pd.DataFrame(got), check_exact=True)
    assert expected.totals.identical(got.totals)


def test_a_customer_alone_gets_the_draws_it_gets_in_company(pooled_fit, cdnow):
    ids = list(cdnow["customer_id"].iloc[[1000, 3]])
    alone = ltv.predict(pooled_fit, cdnow, customers=ids, **TERMS)
    company = ltv.predict(pooled_fit, cdnow, **TERMS)
    assert list(alone["customer_id"].values) == ids
    assert alone.equals(company.sel(customer_id=ids))


def test_thinned_draws_are_some_of_all_draws(pooled_fit, cdnow):
    few = ltv.predict(pooled_fit, cdnow.iloc[:50], draws=100, **TERMS)
    every = ltv.predict(pooled_fit, cdnow.iloc[:50], **TERMS)
    assert few.sizes["draw"] == 25
    assert few.equals(every.sel(draw=few["draw"]))


def test_ids_are_labels_so_that_renaming_them_moves_draws_but_not_expectations(pooled_fit, cdnow, decision):
    renamed = cdnow.assign(customer_id=["customer/" + c + " ü" for c in cdnow["customer_id"]])
    one, other = scored(pooled_fit, cdnow, decision), scored(pooled_fit, renamed, decision)
    assert list(other["customer_id"]) == list(renamed["customer_id"])
    np.testing.assert_array_equal(one["ltv_mean"], other["ltv_mean"])
    assert not np.array_equal(one["ltv_p95"], other["ltv_p95"])


SAME = 1e-6
"""Runs with one seed differ in their last digits alone: priors are free of the units of money and time."""


def pooled_like(fit, summary):
    """A fit to another summary from the same random numbers."""
    spec, seed = ltv.load_spec("pooled"), int(fit.attrs["seed"])
    return ltv.fit(summary, spec, seed=seed, method="laplace", progress=False)


def test_amounts_times_100_give_value_times_100(cdnow_log, cdnow, laplace_fit, decision):
    cents = cdnow_log.assign(amount=cdnow_log["amount"] * 100)
    summary = ltv.summarize(cents, observation_end="1997-09-30", time_unit="week", groups=["cohort"])
    fit = pooled_like(laplace_fit, summary)
    dear, cheap = scored(fit, summary, decision), scored(laplace_fit, cdnow, decision)
    np.testing.assert_allclose(dear["ltv_mean"], 100 * cheap["ltv_mean"], rtol=SAME, atol=CENT)
    total = [each.totals["value"].sum(("group", "tier")) for each in (dear, cheap)]
    np.testing.assert_allclose(total[0], 100 * total[1], rtol=SAME)


def test_days_and_weeks_give_the_same_scores_from_the_same_spec_file(cdnow_log, cdnow, laplace_fit, decision):
    days = ltv.summarize(cdnow_log, observation_end="1997-09-30", time_unit="day", groups=["cohort"])
    daily, weekly = (
        scored(fit, of, decision)
        for fit, of in ((pooled_like(laplace_fit, days), days), (laplace_fit, cdnow))
    )
    for column in ("p_alive", "p_purchase_30d", "p_purchase_90d", "p_purchase_horizon", "ltv_mean"):
        np.testing.assert_allclose(daily[column], weekly[column], rtol=SAME, atol=SAME)
    wait = daily["next_purchase_days_p50"].to_numpy(), weekly["next_purchase_days_p50"].to_numpy()
    np.testing.assert_allclose(*wait, rtol=1e-3)


def test_a_longer_horizon_only_lengthens_each_path(pooled_fit, cdnow):
    some = cdnow.iloc[:300]
    terms = {key: value for key, value in TERMS.items() if key != "horizon"}
    short, long = (ltv.predict(pooled_fit, some, horizon=h, **terms) for h in ("13 weeks", "52 weeks"))
    assert short["alive"].equals(long["alive"])
    assert (long["purchases"] >= short["purchases"]).all()
    assert (long["purchases"] > short["purchases"]).any()
