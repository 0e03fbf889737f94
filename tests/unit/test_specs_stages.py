"""The sections [stages] and [acquisition] of a decision file."""

import tomllib

import pytest

from bayesltv.errors import SpecError
from bayesltv.specs.decision.acquisition import AcquisitionSpec
from bayesltv.specs.decision.stages import StageSpec
from bayesltv.specs.decision.tiers import Tier, TierSpec
from bayesltv.specs.toml_file import Table

TIERS = (Tier("low"), Tier("high", at_least=30))


def table(text, name):
    return Table(tomllib.loads(text), "mine.toml").table(name)


def test_a_file_may_leave_any_limit_of_the_stages_out():
    assert StageSpec.read(table("[stages]\n", "stages")) == StageSpec()
    stages = StageSpec.read(table("[stages]\nnew_within = '2 weeks'\noverdue_quantile = 0.9\n", "stages"))
    assert (stages.new_within, stages.overdue_quantile) == ("2 weeks", 0.9)
    assert stages.limits_in("day") == (14.0, 91.3125)
    assert StageSpec.read(Table(stages.to_dict(), "stored", is_file=False)) == stages


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("new_withn = '2 weeks'", 'stages.new_withn: unknown key; did you mean "new_within"?'),
        ("new_within = 14", "stages.new_within: 14 must be text"),
        ("new_within = 'soon'", "is not a duration"),
        ("warning_within = '0 days'", "must be positive"),
        ("overdue_quantile = 1.0", "overdue_quantile = 1 must be above 0 and below 1"),
        ("overdue_quantile = 95", "must be above 0 and below 1"),
        ("dropout_limit = 0.0", "dropout_limit = 0 must be above 0 and at most 1"),
    ],
)
def test_an_impossible_limit_is_named_with_its_place(text, says):
    with pytest.raises(SpecError) as caught:
        StageSpec.read(table(f"[stages]\n{text}\n", "stages"))
    assert "mine.toml: stages" in str(caught.value)
    assert says in str(caught.value)


def test_acquisition_costs_are_one_number_or_one_by_group():
    one = AcquisitionSpec.read(table("[acquisition]\ncac = 12\n", "acquisition"))
    assert one.cac_of("anything") == 12.0
    text = "[acquisition]\ntarget_ratio = 2.5\nnext_costs = 1.4\n"
    text += "[acquisition.cac]\nweb = 8\n'web | north' = 9.5\n"
    by_group = AcquisitionSpec.read(table(text, "acquisition"))
    assert [by_group.cac_of(label) for label in ("web", "web | north", "shop")] == [8.0, 9.5, None]
    assert (by_group.target_ratio, by_group.next_costs) == (2.5, 1.4)
    assert AcquisitionSpec.read(Table(by_group.to_dict(), "stored", is_file=False)) == by_group


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "acquisition.cac: missing"),
        ("cac = 0", "cac = 0 must be above 0"),
        ("cac = 'ten'", "acquisition.cac: 'ten' must be a number"),
        ("cac = 3\ncca = 4", 'acquisition.cca: unknown key; did you mean "cac"?'),
        ("cac = 3\nnext_costs = 0.5", "next_costs = 0.5 must be at least 1"),
        ("[acquisition.cac]\nweb = -3", "cac.web = -3 must be above 0"),
        ("[acquisition.cac]\nweb = 'x'", "acquisition.cac.web: 'x' must be a number"),
        ("[acquisition.cac]\n", "cac names no group"),
    ],
)
def test_an_impossible_cost_is_named_with_its_place(text, says):
    with pytest.raises(SpecError) as caught:
        AcquisitionSpec.read(table(f"[acquisition]\n{text}\n", "acquisition"))
    assert says in str(caught.value)


def test_a_cost_of_a_group_that_was_not_fitted_is_refused():
    spec = AcquisitionSpec(cac={"wbe": 3.0})
    with pytest.raises(SpecError, match="no group 'wbe'; did you mean \"web\""):
        spec.require_known(("web", "shop"))
    AcquisitionSpec(cac={"web": 3.0}).require_known(("web", "shop"))


def test_moving_a_label_may_cost_something():
    assert TierSpec(TIERS).switching_cost == 0.0
    text = "[tiers]\nswitching_cost = 0.2\n[tiers.low]\n[tiers.high]\nat_least = 30\n"
    assert TierSpec.read(table(text, "tiers")) == TierSpec(TIERS, switching_cost=0.2)
    with pytest.raises(SpecError, match="switching_cost = -1 must be at least 0"):
        TierSpec(TIERS, switching_cost=-1)
