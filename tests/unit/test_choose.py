"""``choose``: the better family is named, a small difference is none, and totals speak for a clock."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import bayesltv as ltv
from bayesltv.comparison import choose as choosing
from bayesltv.comparison.backtest import Backtest
from bayesltv.comparison.choose import candidates, on_a_clock
from bayesltv.comparison.origins import Origins
from bayesltv.comparison.recommendation import crps_gap, interval_share, recommend, summed_up
from bayesltv.report.figures.comparison import choice_figures, choice_tables
from bayesltv.specs.catalogue import list_specs
from bayesltv.specs.model.model_spec import ModelSpec
from bayesltv.specs.model.settings import PURCHASE_FAMILIES
from bayesltv.specs.toml_file import Table, read_toml, toml_text

FIRST, LAST = pd.Timestamp("1997-01-01"), pd.Timestamp("1998-06-30")
MONEY = {"p": 4.0, "q": 4.0, "v": 30.0}
CUTS = ("1997-06-30", "1997-09-30", "1997-12-31")


# ---------------------------------------------------------------------------------------- what is recommended


def tried(crps, *, score=0.1, inside=True, passed=True, customers=400, seed=1):
    """What a backtest would say of a spec whose CRPS is `crps` on the mean; all share the noise."""
    noise = np.random.default_rng(3).gamma(2.0, 0.5, customers)
    own = np.random.default_rng(seed).normal(0, 0.02, (len(CUTS), customers))
    ids = [f"c{i}" for i in range(customers)]
    evaluations = {
        cut: SimpleNamespace(
            customers=pd.DataFrame({"customer_id": ids, "purchases_crps": crps * noise + each - each.mean()})
        )
        for cut, each in zip(CUTS, own, strict=True)
    }
    table = pd.DataFrame({"cut": CUTS, "customers": customers, "actual": 800.0})
    table = table.assign(interval_score=score * 800.0 / customers, inside_90=inside, passed=passed)
    told = {"relative_error": 0.0, "coverage_90": 0.9, "gini": 0.5, "seconds": 1.0}
    return Backtest(table.assign(**told), evaluations)


def test_the_better_family_is_named_with_its_reason():
    found = recommend({"simple": tried(1.05), "better": tried(1.0, seed=2)}, clocked=frozenset())
    assert (found.name, found.is_clear) == ("better", True)
    assert "simple is worse by 5." in found.reason


def test_where_there_is_no_difference_the_simplest_is_taken():
    found = recommend({"simple": tried(1.0005), "other": tried(1.0, seed=2)}, clocked=frozenset())
    assert (found.name, found.is_clear) == ("simple", False)
    assert "no difference" in found.reason
    found = recommend({"simple": tried(1.0), "other": tried(1.0005, seed=2)}, clocked=frozenset())
    assert (found.name, found.is_clear) == ("simple", False)
    assert "no difference" in found.reason


def test_the_simplest_of_those_that_are_level_with_the_best_is_taken():
    specs = {"worst": tried(1.1), "simple": tried(1.0004, seed=2), "best": tried(1.0, seed=3)}
    found = recommend(specs, clocked=frozenset())
    assert (found.name, found.is_clear) == ("simple", False)
    assert "worst is worse by 10." in found.reason


@pytest.mark.parametrize(
    ("plain", "clock", "crps", "name"),
    [
        (1.6, 0.9, 1.003, "clock"),  # totals that did not hold
        (0.9, 0.85, 1.0, "plain"),  # a difference that three totals cannot show
        (0.3, 0.6, 1.0, "plain"),  # width for nothing
        (1.6, 0.9, 1.03, "plain"),  # customers pay for it
    ],
)
def test_a_clock_is_taken_for_the_totals_sake_and_not_at_the_customers_cost(plain, clock, crps, name):
    specs = {
        "plain": tried(1.0, score=plain, inside=plain < 1),
        "worse": tried(1.1, score=0.2),
        "clock": tried(crps, score=clock, seed=2),
    }
    found = recommend(specs, clocked=frozenset({"clock"}))
    assert found.name == name
    assert "total's interval score" in found.reason
    assert ("makes the CRPS of single customers worse by 3.0%" in found.reason) == (crps == 1.03)


def test_a_spec_that_failed_its_checks_at_two_cuts_is_set_aside():
    broken = tried(0.5, passed=[True, False, False])
    found = recommend({"sound": tried(1.0), "broken": broken}, clocked=frozenset())
    assert found.name == "sound"
    assert "broken failed its checks" in found.reason
    once = tried(0.5, passed=[True, True, False])
    assert recommend({"sound": tried(1.0), "once": once}, clocked=frozenset()).name == "once"
    assert summed_up({"broken": broken}, "broken")["failed"].item() == 2
    everybody = {"a": tried(1.0, passed=False), "b": tried(0.5, passed=False)}
    assert recommend(everybody, clocked=frozenset()).name == "b"


def test_differences_are_resampled_with_all_cuts_of_a_customer():
    """The three cuts of a customer say the same thing: as if they were independent it would be √3 surer."""
    one, other = tried(1.0), tried(1.05, seed=1)
    gap = crps_gap(other, one)
    each = one.evaluations[CUTS[0]].customers["purchases_crps"]
    difference = other.evaluations[CUTS[0]].customers["purchases_crps"] - each  # alike at all cuts
    assert gap.mean == pytest.approx(difference.mean())
    assert (gap.high - gap.low) / 3.92 == pytest.approx(difference.std() / 20, rel=0.1)


def test_the_totals_score_is_a_share_of_what_happened():
    assert interval_share(tried(1.0, score=0.42)) == pytest.approx(0.42)


# ------------------------------------------------------------------------------------------------------- cuts


def test_windows_follow_one_another_up_to_the_end_of_the_log():
    cuts, days = Origins().placed(FIRST, LAST, count=3)
    assert days == 91  # a sixth of 78 weeks
    assert [(LAST - cut).days for cut in cuts] == [273, 182, 91]
    (cut,), days = Origins().placed(FIRST, LAST, count=1)
    assert days == (LAST - cut).days == 182


def test_windows_overlap_where_the_horizon_is_long():
    cuts, days = Origins(horizon="39 weeks").placed(FIRST, LAST, count=3)
    assert days == 273
    assert (LAST - cuts[-1]).days == 273
    assert (cuts[0] - FIRST).days == 546 // 3  # a third of the log lies before


@pytest.mark.parametrize(
    ("asked", "last", "words"),
    [
        ({}, "1997-01-31", "covers 31 days.*too short for 3 cuts"),
        ({"horizon": "60 weeks"}, "1998-06-30", "too short for 3 cuts with a horizon of 420 days"),
        ({"cuts": ["1998-06-01"], "horizon": "8 weeks"}, "1998-06-30", "1998-06-01 with 56 days"),
        ({"cuts": ["1996-06-01"]}, "1998-06-30", "1996-06-01"),
    ],
)
def test_a_log_that_is_too_short_is_refused(asked, last, words):
    with pytest.raises(ltv.DataError, match=words):
        Origins(**asked).placed(FIRST, pd.Timestamp(last), count=3)


# ------------------------------------------------------------------------------------------------ small logs


@pytest.fixture(scope="module")
def log():
    world = {"r": 1.0, "alpha": 4.0, "a": 2.5, "b": 2.5}
    return ltv.simulate_log(
        400, seed=41, family="mbg_nbd", purchase=world, spend=MONEY, observation_end="1997-12-31"
    )


@pytest.fixture(scope="module")
def choice(log):
    said = []
    found = ltv.choose(log, specs=["pooled", "mbg_pooled"], step=said.append)
    return found, said


def test_a_small_log_is_asked_at_three_cuts(choice, log):
    found, said = choice
    assert len(said) == 6
    assert "left" not in said[0]
    assert all("left" in each for each in said[1:])
    assert found.facts["cuts"] == sorted(set(found.cuts["cut"]))
    assert len(found.facts["cuts"]) == 3
    spec = ltv.load_spec(found.recommended)
    assert found.spec == spec
    again = ltv.backtest(
        log, spec.without_spend(), cuts=found.facts["cuts"], horizon=f"{found.facts['days']} days",
        method="laplace", columns={"monetary_value_col": None}, progress=False,
    )  # fmt: skip
    own = found.cuts[found.cuts["spec"] == found.recommended]
    assert own["crps"].tolist() == pytest.approx(again.table["crps"].tolist())
    assert own["p95"].tolist() == pytest.approx(again.table["p95"].tolist())
    row = found.table.set_index("spec").loc[found.recommended]
    weights = again.table["customers"]
    assert row["crps"] == pytest.approx(np.average(again.table["crps"], weights=weights))
    assert row["crps_diff"] == row["crps_low"] == row["crps_high"] == 0
    json.loads(found.to_json(), parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


def test_a_choice_is_drawn(choice):
    found, _ = choice
    ticks = [each().get_yticklabels() for each in choice_figures(found).values()]
    assert [len(each) for each in ticks] == [2, 6]
    assert set(choice_tables(found)) == {"choice", "choice_cuts"}


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"specs": ["pooled", "mbg_poled"]}, ltv.SpecError, "did you mean"),
        ({"specs": ["pooled"]}, ltv.DataError, "at least two specs, not 1"),
        ({"specs": ["by_group", "pooled"]}, ltv.SpecError, 'groups are still "all"'),
        (
            {"cuts": ["1997-01-02"], "horizon": "4 weeks"},
            ltv.DataError,
            "customers had bought up to 1997-01-02",
        ),
        ({"customers": 20}, ltv.DataError, "too few"),
        (
            {"specs": ["pooled", "clock"], "cuts": ["1997-03-01"]},
            ltv.DataError,
            "clock at the first cut, 1997-03-01: the clock has 3 blocks of 4 weeks in 59 days of calendar",
        ),
        ({"columns": {"column": "x"}}, ltv.DataError, "columns has no 'column'"),
    ],
)
def test_what_cannot_be_chosen_from_is_refused_before_anything_is_fitted(log, asked, error, words):
    with pytest.raises(error, match=words):
        ltv.choose(log, step=lambda _: pytest.fail("fitted"), **asked)


def test_specs_that_differ_in_spend_alone_are_refused(log):
    specs = {"with": ltv.load_spec("pooled"), "without": ltv.load_spec("pooled").without_spend()}
    with pytest.raises(ltv.SpecError, match="with and without differ in spend or not at all"):
        ltv.choose(log, specs=specs)


# ------------------------------------------------------------------------------------------------ candidates


def test_candidates_begin_with_the_simplest():
    plain = candidates(1.2)
    assert list(plain) == ["bg_nbd", "mbg_nbd"]
    assert list(candidates(None)) == list(plain)
    ((name, spec),) = on_a_clock({"mbg_nbd": plain["mbg_nbd"], **plain}).items()
    assert name == "mbg_nbd_clock"
    assert spec.clock == ltv.load_spec("clock").clock
    assert spec.purchase == plain["mbg_nbd"].purchase
    assert on_a_clock(plain, 85) == on_a_clock(plain)
    assert on_a_clock(plain, 84) == {}  # three blocks of four weeks


def test_a_short_log_goes_without_a_clock(log):
    """Four months: at the first cut there are fewer than four blocks, and the choice is made all the same."""
    early = log[log["date"] <= "1997-04-30"]
    found = ltv.choose(early, columns={"monetary_value_col": None}, log_end="1997-04-30")
    assert set(found.table["spec"]) >= {"bg_nbd", "mbg_nbd"}
    assert not any(name.endswith("_clock") for name in found.table["spec"])
    days = (pd.Timestamp(found.facts["cuts"][0]) - early["date"].min()).days
    assert found.reason.endswith(f"no clock was tried: {days} days up to the first cut are too few")


def test_regular_waits_bring_a_candidate_of_the_nearest_shape():
    regular = {"mbg_cnbd_3"} if "mbg_cnbd" in PURCHASE_FAMILIES else set()
    assert set(candidates(3.1)) - set(candidates(1.0)) == regular


def test_a_family_without_a_clock_leaves_it_to_the_next(monkeypatch):
    def refuses(spec, **more):
        if spec.title.startswith("BG/NBD"):
            raise ltv.SpecError("no clock")
        return replace(spec, **more)

    monkeypatch.setattr(choosing, "replace", refuses)
    assert list(on_a_clock(candidates(1.0))) == ["mbg_nbd_clock"]
    assert on_a_clock({"bg_nbd": candidates(1.0)["bg_nbd"]}) == {}


SHIPPED = [each.name for each in list_specs() if each.kind == "model"]


@pytest.mark.parametrize(
    "name", sorted(set(SHIPPED) - {"clock_events"})
)  # its events are a table of their own
def test_a_spec_that_is_written_is_read_as_it_was(name, tmp_path):
    spec = ltv.load_spec(name)
    path = tmp_path / "spec.toml"
    path.write_text(toml_text(spec.to_dict()), encoding="utf-8")
    assert ltv.load_spec(path) == spec
    assert ltv.load_spec(path).hash() == spec.hash()


def test_text_and_keys_are_quoted(tmp_path):
    values = {"a b": {'c"d': {"text": 'say "é"\n\\', "list": [1, 2.5, "x"], "yes": True}}, "e": {}}
    Path(tmp_path / "x.toml").write_text(toml_text(values), encoding="utf-8")
    assert read_toml(tmp_path / "x.toml").values == values
    with_group = ModelSpec(title="two\nlines", groups=("my shop",), spend=None)
    read = ModelSpec.read(Table(read_toml_of(toml_text(with_group.to_dict()), tmp_path), "x"))
    assert read == with_group


def read_toml_of(text, folder):
    (folder / "y.toml").write_text(text, encoding="utf-8")
    return read_toml(folder / "y.toml").values
