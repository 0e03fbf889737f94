"""The map between the scales that priors speak of and the natural parameters."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, logit

from bayesltv import names
from bayesltv.families.bg_nbd import natural as purchase_parameters
from bayesltv.families.bg_nbd import scaled as purchase_scales
from bayesltv.families.gamma_gamma import natural as spend_parameters
from bayesltv.families.gamma_gamma import scaled as spend_scales
from bayesltv.families.registry import SCALES, shifted

PURCHASE = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
SPEND = {"p": 6.25, "q": 3.74, "v": 15.44}


def test_purchase_scales_of_cdnow_are_the_published_ones():
    # 0.243 / 4.414 = 0.0551 purchases a week; mean dropout 0.793 / 3.219 = 0.246
    scales = purchase_scales(PURCHASE)
    assert scales == {
        names.PURCHASE_RATE: pytest.approx(0.05505, abs=5e-6),
        names.PURCHASE_SHAPE: 0.243,
        names.DROPOUT_MEAN: pytest.approx(0.24635, abs=5e-6),
        names.DROPOUT_CONCENTRATION: pytest.approx(3.219),
    }


def test_spend_scales_of_cdnow_are_the_published_ones():
    scales = spend_scales(SPEND)
    assert scales == {
        names.SPEND_TYPICAL: pytest.approx(6.25 * 15.44 / 3.74),
        names.SPEND_WITHIN: 6.25,
        names.SPEND_BETWEEN: 3.74,
    }


def test_scales_are_what_they_are_called():
    # means of the Gamma of rates and of the Beta of dropout; spend at the mean of ν = q/v
    scales = {**purchase_scales(PURCHASE), **spend_scales(SPEND)}
    assert scales[names.PURCHASE_RATE] == pytest.approx(stats.gamma(0.243, scale=1 / 4.414).mean())
    assert scales[names.DROPOUT_MEAN] == pytest.approx(stats.beta(0.793, 2.426).mean())
    assert scales[names.SPEND_TYPICAL] == pytest.approx(6.25 / stats.gamma(3.74, scale=1 / 15.44).mean())


def test_there_and_back_changes_nothing():
    factors = np.exp(np.random.default_rng(1).normal(0, 1, (7, 50)))
    purchase = {name: value * f for (name, value), f in zip(PURCHASE.items(), factors[:4], strict=True)}
    spend = {name: value * f for (name, value), f in zip(SPEND.items(), factors[4:], strict=True)}
    for parameters, there, back in (
        (purchase, purchase_scales, purchase_parameters),
        (spend, spend_scales, spend_parameters),
    ):
        again = back(there(parameters))
        assert list(again) == list(parameters)
        for name, value in parameters.items():
            assert again[name] == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("scale", SCALES)
def test_effects_add_on_the_link_of_their_scale(scale):
    effect = np.array([-3.0, -0.2, 0.0, 0.7, 4.0])
    moved = shifted(scale, 0.3, np.exp(effect))
    if scale == names.DROPOUT_MEAN:
        assert moved == pytest.approx(expit(logit(0.3) + effect), rel=1e-12)
        assert ((moved > 0) & (moved < 1)).all()
    else:
        assert moved == pytest.approx(np.exp(np.log(0.3) + effect), rel=1e-12)


def test_every_scale_has_a_link():
    hazards = {names.DROPOUT_HAZARD, names.LIFETIME_SHAPE}
    assert set(SCALES) == {*names.PURCHASE_SCALES, *names.SPEND_SCALES, names.SPEND_FIRST} | hazards


def test_a_shift_in_the_rate_scales_alpha_alone():
    scales = purchase_scales(PURCHASE)
    faster = shifted(names.PURCHASE_RATE, scales[names.PURCHASE_RATE], 2.0)
    moved = purchase_parameters({**scales, names.PURCHASE_RATE: faster})
    assert moved["alpha"] == pytest.approx(4.414 / 2)
    assert [moved[name] for name in "rab"] == pytest.approx([0.243, 0.793, 2.426])


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_same_lines_serve_symbolic_variables():
    import pytensor.tensor as pt

    scales = {name: pt.as_tensor_variable(value) for name, value in purchase_scales(PURCHASE).items()}
    symbolic = purchase_parameters(scales)
    assert [float(symbolic[name].eval()) for name in PURCHASE] == pytest.approx(list(PURCHASE.values()))
    moved = shifted(names.DROPOUT_MEAN, pt.as_tensor_variable(0.3), 2.0)
    assert float(moved.eval()) == pytest.approx(shifted(names.DROPOUT_MEAN, 0.3, 2.0))
