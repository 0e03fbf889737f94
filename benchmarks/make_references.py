"""Make models/reference/<spec>.json: long runs of shipped specs on the CDNOW sample, for golden tests.

``python benchmarks/make_references.py [SPEC ...]`` makes those named, else all, one after the other: minutes
each. A reference is a posterior = model x data with what is needed to judge it (after posteriordb): moments
and quantiles of every parameter with R-hat, effective sample size and Monte Carlo errors, the checks that
were made, settings, hashes and versions. A spec that is changed needs a new one; the golden test says so.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import xarray as xr

import bayesltv as ltv

FOLDER = Path(__file__).parents[1] / "models" / "reference"
SPECS = ("pooled", "mbg_pooled", "by_group", "mbg_by_group", "clock")
OBSERVATION_END, TIME_UNIT, GROUPS = "1997-09-30", "week", ["cohort"]
LONG = {"chains": 4, "tune": 2000, "draws": 4000}
SEED = 19970930
FORMAT = 1
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
DIGITS = 7


def make_reference(name):
    """Return the reference posterior of a shipped spec, in JSON's types."""
    summary = ltv.summarize(
        ltv.load_cdnow(), observation_end=OBSERVATION_END, time_unit=TIME_UNIT, groups=GROUPS
    )
    fit = ltv.fit(summary, ltv.load_spec(name), seed=SEED, sampler=LONG, progress=False)
    report = ltv.check(fit, summary)
    if not report.passed:
        raise SystemExit(f"{name} failed its checks:\n{report.table.to_string()}")
    told = fit.attrs
    return {
        "format": FORMAT,
        "model": {"spec": name, "title": ltv.load_spec(name).title, "spec_hash": told["spec_hash"]},
        "data": {
            "name": "CDNOW, the sample of 2,357 customers",
            "observation_end": told["observation_end"],
            "time_unit": told["time_unit"],
            "groups": GROUPS,
            "customers": int(told["customers"]),
            "repeaters": int(told["repeaters"]),
            "fingerprint": told["fingerprint"],
        },
        "settings": {"method": told["method"], "seed": int(told["seed"]), **json.loads(told["sampler"])},
        "checks": {
            result.name: {"status": result.status, "value": rounded(result.value)}
            for result in report.results
            if result.status != "not applicable"
        },
        "versions": json.loads(told["versions"]),
        "parameters": summarise_posterior(fit["posterior"].to_dataset()),
    }


def summarise_posterior(posterior):
    """Return the summary of every scalar of a posterior by name: "r", "r[1997-01]"."""
    import arviz as az

    figures = {
        "mean": posterior.mean(("chain", "draw")),
        "sd": posterior.std(("chain", "draw"), ddof=1),
        **{f"q{round(100 * at):02d}": posterior.quantile(at, ("chain", "draw")) for at in QUANTILES},
        "ess_bulk": az.ess(posterior, method="bulk"),
        "ess_tail": az.ess(posterior, method="tail"),
        "rhat": az.rhat(posterior),
        "mcse_mean": az.mcse(posterior, method="mean"),
        "mcse_sd": az.mcse(posterior, method="sd"),
    }
    return {
        label: {kind: rounded(float(values[name].values[at])) for kind, values in figures.items()}
        for name in map(str, posterior.data_vars)
        for at, label in scalars(posterior[name])
    }


def scalars(variable: xr.DataArray):
    """Yield index and label of every scalar of a variable, chain and draw apart."""
    dims = [dim for dim in variable.dims if dim not in ("chain", "draw")]
    labels = [[label_of(value) for value in variable[dim].values] for dim in dims]
    for at in np.ndindex(*(len(each) for each in labels)):
        chosen = ", ".join(each[k] for each, k in zip(labels, at, strict=True))
        yield at, f"{variable.name}[{chosen}]" if chosen else str(variable.name)


def label_of(value):
    """Return a coordinate's value as text; a day without its time."""
    return str(value.astype("datetime64[D]")) if isinstance(value, np.datetime64) else str(value)


def rounded(value):
    """Return a number to seven digits, or None where it is not finite."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.{DIGITS}g}")


def text_of(reference):
    """Return a reference as JSON with one parameter to a line, so that differences can be read."""
    head = json.dumps({key: value for key, value in reference.items() if key != "parameters"}, indent=1)
    rows = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in reference["parameters"].items())
    return f'{head[:-2]},\n "parameters": {{\n{rows}\n }}\n}}\n'


def main():
    """Make the references that are named on the command line, or all."""
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or SPECS:
        path = FOLDER / f"{name}.json"
        path.write_text(text_of(make_reference(name)), encoding="utf-8")
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
