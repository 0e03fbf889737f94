"""A scoring that travels as bytes arrives whole, whatever the fit holds."""

import io
import json
from dataclasses import fields

import numpy as np
import pytest
import xarray as xr

import bayesltv as ltv
from bayesltv.base.meeting import Meeting
from bayesltv.base.population import Posterior, read_posterior
from bayesltv.engines.serialize import (
    packed,
    packed_sample,
    packed_tallies,
    unpacked,
    unpacked_sample,
    unpacked_tallies,
)
from bayesltv.errors import EngineError
from bayesltv.prediction.scores.scoring import Scoring, make_scoring
from bayesltv.prediction.scores.thresholds import Sample, add_tallies
from bayesltv.specs.model.events import Events, Occurrence, day_number
from helpers import clock_fit, covariate_fit, point_fit
from mutants import mutants

NO_SAMPLE = Sample(np.zeros((2, 3)), np.ones((2, 3)), 0.0)
POINT = {"r": 0.5, "alpha": 5.0, "a": 0.8, "b": 2.5, "p": 3.6, "q": 4.5, "v": 34.0}


def with_a_clock():
    span = day_number("", "1997-01-01"), day_number("", "1999-12-31")
    sale = Occurrence("sale", day_number("", "1997-11-01"), day_number("", "1997-11-14"))
    prior = ltv.PriorSpec.elicited(mass=0.9, between=(1.0, 4.0))
    clock = ltv.ClockSpec(events=Events((sale,), span, {"sale": prior}))
    path = 0.5 * np.random.default_rng(1).standard_normal((30, 10))
    variables = {"clock_sd": 0.5, "clock_rho": 0.6, "clock_factor_sale": 3.0}
    return clock_fit(POINT, path, clock=clock, start="1997-01-01", end="1997-09-30", variables=variables)


@pytest.mark.parametrize(
    "fit",
    [point_fit(POINT, draws=20), with_a_clock(), covariate_fit(POINT, draws=20)],
    ids=["plain", "clock", "covariates"],
)
def test_every_field_of_a_scoring_arrives(fit, decision):
    sent = make_scoring(fit, decision, Meeting(7, 10, "population"), read_posterior(fit))
    arrived = unpacked(packed(sent))
    for field in fields(Posterior):
        one, other = getattr(sent.posterior, field.name), getattr(arrived.posterior, field.name)
        assert one.identical(other) if isinstance(one, xr.Dataset) else one == other, field.name
    for field in fields(Scoring):
        one, other = getattr(sent, field.name), getattr(arrived, field.name)
        if field.name not in ("posterior", "hyperparameters"):
            assert one == other, field.name
    assert np.array_equal(sent.hyperparameters.draws, arrived.hyperparameters.draws)
    assert np.array_equal(sent.hyperparameters.purchase, arrived.hyperparameters.purchase)


def test_bytes_that_are_no_parcel_are_an_engine_error():
    with pytest.raises(EngineError, match="cannot be read"):
        unpacked(b"something else")


@pytest.mark.parametrize("seed", [1, 2])
def test_a_parcel_with_a_damaged_head_is_read_or_refused(decision, seed):
    """Structure and text of the head, 60 mutants of each seed."""
    fit = point_fit(POINT, draws=20)
    scoring = make_scoring(fit, decision, Meeting(1), read_posterior(fit))
    with np.load(io.BytesIO(packed(scoring)), allow_pickle=False) as file:
        arrays = dict(file)
    text = arrays["head"].tobytes().decode()
    refused = 0
    for mutant in mutants(text, json.loads(text), 60, seed, as_json=True):
        arrays["head"] = np.frombuffer(mutant.text.encode("utf-8", "surrogatepass"), dtype=np.uint8)
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **arrays)
        try:
            assert isinstance(unpacked(content.getvalue()), Scoring)
        except EngineError as error:
            refused += "cannot be read" in str(error)
    assert refused > 30


def test_tallies_that_travel_are_cut_as_those_that_stay():
    """Values are drawn, tallied in two parts, one of which travels; the cuts are those of sorting."""
    rng = np.random.default_rng(4)
    value = np.maximum(rng.normal(1.0, 2.0, (40, 7)), 0.0)
    shape = (2, 7)
    low, high = np.full(shape, 0.0), np.full(shape, np.inf)
    sample = unpacked_sample(packed_sample(Sample(low, high, 0.0, stride=3)))
    assert (sample.stride, sample.step) == (3, 0.0)
    assert np.array_equal(sample.high, high)
    whole = sample.nobody()
    stayed = [tally.gather(value[:25].copy()) for tally in sample.nobody()]
    went = unpacked_tallies(packed_tallies([tally.gather(value[25:].copy()) for tally in whole]), sample)
    add_tallies([stayed, went], whole)
    for tally, share in zip(whole, (0.5, 0.2), strict=True):
        by_hand = np.sort(value, axis=0)[::-1][int(share * 40)]  # the first whose holders are too many
        assert np.array_equal(tally.cut(share), by_hand)


@pytest.mark.parametrize("read", [unpacked_sample, lambda content: unpacked_tallies(content, NO_SAMPLE)])
def test_bytes_that_are_no_tallies_are_an_engine_error(read):
    whole = packed_tallies(NO_SAMPLE.nobody())
    for content in (b"something else", whole[:40], packed_sample(NO_SAMPLE)[:-30]):
        with pytest.raises(EngineError, match="cannot be read"):
            read(content)
