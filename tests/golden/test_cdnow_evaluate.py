"""``bayesltv evaluate`` on CDNOW, 39 weeks after 39 weeks, lands on figures of an exact implementation.

Those are of the exact predictive distribution at the maximum-likelihood parameters, computed once from closed
forms; a weak-prior posterior must be close. Sample: 2,357 customers; master file: 23,570.
"""

import json

import pytest
from typer.testing import CliRunner

import bayesltv as ltv
from bayesltv.cli.app import app

SAMPLE = {
    "crps": 0.5104, "log_score": -0.9845, "pit_deviation": 0.0198,
    "mae_of_median": 0.666, "rmse_of_mean": 1.608,
    "coverage": {0.5: 0.815, 0.8: 0.928, 0.9: 0.947, 0.95: 0.972}, "brier": (0.161, 0.608),
    "total": (1882, 1653), "returners": (684, 617),
}  # fmt: skip
MASTER = {
    "crps": 0.5398, "log_score": -1.0156, "pit_deviation": 0.0213,
    "mae_of_median": 0.701, "rmse_of_mean": 1.733,
    "coverage": {0.5: 0.804, 0.8: 0.920, 0.9: 0.942, 0.95: 0.971}, "brier": (0.165, 0.601),
    "total": (19684, 16874), "returners": (7058, 6260),
}  # fmt: skip
TOLERANCE = {
    "crps": 0.004,
    "log_score": 0.004,
    "pit_deviation": 0.003,
    "mae_of_median": 0.004,
    "rmse_of_mean": 0.01,
}


def evaluated(folder, log, fit):
    """What the command says of a log and a fit as JSON."""
    log.to_csv(folder / "log.csv", index=False)
    ltv.save(fit, folder / "fit.nc")
    command = ["evaluate", str(folder / "fit.nc"), str(folder / "log.csv"), "--horizon", "39 weeks", "--json"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def assert_lands_on(told, pins):
    of_all = [row for row in told["scores"] if row["group"] == "all"]
    scores = next(row for row in of_all if row["quantity"] == "purchases")
    for name, tolerance in TOLERANCE.items():
        assert scores[name] == pytest.approx(pins[name], abs=tolerance), name
    covered = {
        row["level"]: row
        for row in told["coverage"]
        if (row["quantity"], row["group"]) == ("purchases", "all")
    }
    for level, share in pins["coverage"].items():
        assert covered[level]["predictive"] == pytest.approx(share, abs=0.01)
        assert covered[level]["expectation"] < 0.02  # an interval of the expectation is none of a customer
    brier = [row["brier"] for row in told["events"][:2]]
    assert brier == pytest.approx(pins["brier"], abs=0.003)
    totals = {row["quantity"]: row for row in told["totals"] if row["group"] == "all"}
    for quantity, name in (("purchases", "total"), ("returners", "returners")):
        actual, predicted = pins[name]
        assert totals[quantity]["actual"] == actual
        assert totals[quantity]["mean"] == pytest.approx(predicted, rel=0.01)
    assert not totals["purchases"]["inside_90"]  # a common shock is not in the model


def test_the_sample_lands_on_the_exact_figures(tmp_path, cdnow_log, pooled_fit):
    told = evaluated(tmp_path, cdnow_log, pooled_fit)
    assert told["facts"]["customers"] == 2357
    assert told["facts"]["until"] == "1998-06-30"
    assert_lands_on(told, SAMPLE)


@pytest.mark.slow
def test_the_master_file_lands_on_the_exact_figures(tmp_path):
    log = ltv.load_cdnow("master")
    summary = ltv.summarize(log, observation_end="1997-09-30", time_unit="week")
    fit = ltv.fit(summary, ltv.load_spec("pooled"), seed=20240501, method="laplace", progress=False)
    told = evaluated(tmp_path, log, fit)
    assert told["facts"]["customers"] == 23570
    assert_lands_on(told, MASTER)
