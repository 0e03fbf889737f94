"""The Laplace fit against long NUTS runs on logs from the corners of the parameter space.

Run as a script it prints the whole table; the NUTS runs are kept in a folder:
``python tests/recovery/laplace_corners.py FOLDER [name ...]``.
"""

import json
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import arviz_stats as az
import numpy as np
import pandas as pd
import xarray as xr

import bayesltv as ltv

ENOUGH = 4000
"""Effective draws of the reference, for every mean and sd."""
CLOSE, ERRORS = 0.1, 3.3
"""Means and sds may differ by this many posterior sds, and this many Monte Carlo standard errors."""
CDNOW = {"r": 0.25, "alpha": 4.4, "a": 0.8, "b": 2.4}
SPEND = {"p": 6.0, "q": 4.0, "v": 15.0}


@dataclass(frozen=True)
class Corner:
    """A simulated log and the family that is fitted to it; `levels` is the number of groups, 0 for none."""

    name: str
    family: str
    customers: int
    purchase: Mapping[str, float] = field(default_factory=lambda: CDNOW)
    spend: Mapping[str, float] | None = None
    time_unit: str = "week"
    levels: int = 0
    dates: tuple[str, str, int] = ("2021-01-01", "2022-03-31", 180)
    seed: int = 1

    def summary(self) -> pd.DataFrame:
        """Return the summary of the log."""
        start, end, days = self.dates
        log = ltv.simulate_log(
            self._design(), seed=self.seed, family=self.family, purchase=self.purchase, spend=self.spend,
            start=start, observation_end=end, acquisition_days=days, time_unit=self.time_unit,
        )  # fmt: skip
        return ltv.summarize(
            log,
            observation_end=end,
            time_unit=self.time_unit,
            monetary_value_col="amount" if self.spend else None,
            groups=("channel",) if self.levels else (),
        )

    def spec(self) -> ltv.ModelSpec:
        """Return the shipped spec of the family, over groups where there are levels."""
        shape = "by_group" if self.levels else "pooled"
        spec = ltv.load_spec(f"mbg_{shape}" if self.family == "mbg_nbd" else shape)
        return spec if self.spend else spec.without_spend()

    def _design(self) -> int | pd.DataFrame:
        """Return customers by group, with rates that differ by a factor of e^0.3 in the mean."""
        if not self.levels:
            return self.customers
        rng = np.random.default_rng(self.levels)
        alpha = self.purchase["alpha"] * np.exp(0.3 * rng.standard_normal(self.levels))
        n = rng.multinomial(self.customers, rng.dirichlet(np.full(self.levels, 3.0)))
        labels = [f"channel {at}" for at in range(self.levels)]
        return pd.DataFrame({"channel": labels, "n": np.maximum(n, 1), "alpha": alpha})


@dataclass(frozen=True)
class ClockCorner(Corner):
    """A log on a shared calendar, fitted with a clock.

    Customers live in operational time, and its days become those of the calendar. `shocks` is the sd of an
    AR(1) over blocks of four weeks with correlation 0.6; 0 for none.
    """

    shocks: float = 0.3

    def summary(self) -> pd.DataFrame:
        """Return the summary of the log."""
        start, end, days = self.dates
        length = (pd.Timestamp(end) - pd.Timestamp(start)).days
        rng, s = np.random.default_rng(self.seed), [0.0]
        for shock in 0.8 * self.shocks * rng.standard_normal(-(-length // 28)):
            s.append(0.6 * s[-1] + shock)
        until = np.exp(np.repeat(s[1:], 28)[:length]).cumsum()
        log = ltv.simulate_log(
            self.customers, seed=self.seed, family=self.family, purchase=self.purchase, spend=None,
            start=start, observation_end=pd.Timestamp(start) + pd.Timedelta(days=int(until[-1])),
            acquisition_days=days, time_unit=self.time_unit,
        )  # fmt: skip
        lived = (pd.to_datetime(log["date"]) - pd.Timestamp(start)).dt.days
        log["date"] = pd.Timestamp(start) + pd.to_timedelta(np.searchsorted(until, lived), unit="D")
        log = log[log["date"] <= end]
        return ltv.summarize(log, observation_end=end, time_unit=self.time_unit, monetary_value_col=None)

    def spec(self) -> ltv.ModelSpec:
        """Return the shipped spec with a clock."""
        purchase = ltv.PurchaseSpec(self.family)
        return replace(ltv.load_spec("clock").without_spend(), purchase=purchase)


def _both(name: str, customers: int, kind: type[Corner] = Corner, **settings: Any) -> Iterator[Corner]:
    for family in ("bg_nbd", "mbg_nbd"):
        yield kind(f"{name}, {family.split('_')[0]}", family, customers, **settings)


def _corners() -> Iterator[Corner]:
    yield from _both("like CDNOW, spend", 1000, spend=SPEND)
    yield from _both("a to 0", 1000, purchase={**CDNOW, "a": 0.005, "b": 1.0})
    yield from _both("a to 0, alike", 2000, purchase={**CDNOW, "a": 0.05, "b": 10.0})
    yield from _both("no dropout", 1000, purchase={**CDNOW, "a": 1e-7, "b": 10.0})
    yield from _both(
        "no dropout, many purchases", 300, purchase={"r": 2.0, "alpha": 6.0, "a": 1e-7, "b": 10.0}
    )
    yield from _both("98 % buy once", 2000, purchase={"r": 0.012, "alpha": 20.0, "a": 0.8, "b": 2.4})
    yield from _both("98 % buy once, leave", 2000, purchase={"r": 1.0, "alpha": 20.0, "a": 30.0, "b": 0.6})
    yield from _both("6 customers, spend", 6, spend=SPEND, purchase={**CDNOW, "r": 1.0})
    yield from _both("6 customers, few repeats", 6, seed=4)
    yield from _both("40 customers", 40)
    yield from _both("concentration .05", 3000, purchase={**CDNOW, "a": 0.0125, "b": 0.0375})
    yield from _both("concentration .05, few", 200, purchase={**CDNOW, "a": 0.0125, "b": 0.0375})
    yield from _both("concentration 50", 3000, purchase={**CDNOW, "a": 12.5, "b": 37.5})
    yield from _both("concentration 50, few leave", 500, purchase={**CDNOW, "a": 1.0, "b": 49.0})
    yield from _both("days", 1000, purchase={**CDNOW, "alpha": 30.8}, time_unit="day")
    yield from _both("months, spend", 1000, purchase={**CDNOW, "alpha": 1.0}, time_unit="month", spend=SPEND)
    yield from _both(
        "months, alike", 500, purchase={"r": 5.0, "alpha": 8.0, "a": 0.5, "b": 3.0}, time_unit="month"
    )
    yield from _both("rates unlike", 1000, purchase={"r": 0.04, "alpha": 1.0, "a": 0.8, "b": 2.4})
    yield from _both(
        "spend alike", 500, purchase={**CDNOW, "r": 1.0}, spend={"p": 60.0, "q": 60.0, "v": 30.0}
    )
    yield from _both("spend unlike", 300, spend={"p": 0.4, "q": 1.1, "v": 20.0})
    yield from _both("six years, slow", 3000, purchase={"r": 4.73, "alpha": 454.8, "a": 0.0113, "b": 0.0327},
                     dates=("2005-01-01", "2010-12-31", 1800), seed=5)  # fmt: skip
    yield from _both("five levels, spend", 1000, levels=5, spend=SPEND)
    yield from _both("five levels, 60 customers", 60, levels=5)
    yield from _both("five levels, a to 0", 1000, levels=5, purchase={**CDNOW, "a": 0.005, "b": 1.0})
    yield from _both("100 levels", 800, levels=100)
    yield from _both("300 levels", 3000, levels=300)
    yield from _both("shared shocks", 1500, ClockCorner, purchase={**CDNOW, "r": 1.0})
    yield from _both("shared shocks, 60 customers", 60, ClockCorner)
    yield from _both("a clock without shocks", 500, ClockCorner, shocks=0.0)


CORNERS = {corner.name: corner for corner in _corners()}


@dataclass(frozen=True)
class Moments:
    """Mean and sd of each named element of a posterior, with their Monte Carlo standard errors."""

    mean: np.ndarray
    sd: np.ndarray
    mean_error: np.ndarray
    sd_error: np.ndarray
    names: tuple[str, ...]


def elements(posterior: xr.Dataset) -> dict[str, np.ndarray]:
    """Return the draws of every element, shape (chain, draw): as they are, and the log of positive ones."""
    found = {}
    for name, array in posterior.data_vars.items():
        values = array.transpose("chain", "draw", ...).values
        flat = values.reshape(*values.shape[:2], -1)
        for at in range(flat.shape[2]):
            found[f"{name}[{at}]"] = flat[..., at]
            if flat[..., at].min() > 0:
                found[f"log {name}[{at}]"] = np.log(flat[..., at])
    return found


def moments_of_chains(posterior: xr.Dataset) -> tuple[Moments, float]:
    """Return moments of NUTS draws, and the smallest effective number of draws behind one of them."""
    drawn = elements(posterior)
    whole = np.stack(list(drawn.values()), axis=-1)
    data = xr.Dataset({"x": (("chain", "draw", "element"), whole)})
    errors = [az.mcse(data, method=method)["x"].values for method in ("mean", "sd")]
    ess = [float(az.ess(data, method=method)["x"].min()) for method in ("bulk", "tail")]
    moments = Moments(whole.mean(axis=(0, 1)), whole.std(axis=(0, 1)), *errors, tuple(drawn))
    return moments, min(ess)


def moments_of_draws(posterior: xr.Dataset, size: float) -> Moments:
    """Return moments of independent draws that are worth `size`."""
    drawn = elements(posterior)
    whole = np.stack([each.ravel() for each in drawn.values()], axis=-1)
    mean, sd = whole.mean(axis=0), whole.std(axis=0)
    kurtosis = np.mean((whole - mean) ** 4, axis=0) / sd**4
    return Moments(mean, sd, sd / np.sqrt(size), sd * np.sqrt((kurtosis - 1) / (4 * size)), tuple(drawn))


def moments_of_laplace(fit: xr.DataTree) -> Moments:
    """Return moments of draws without chains, which are worth what weights and their number leave."""
    sizes, ess = fit["posterior"].sizes, float(fit["sample_stats"]["importance_ess"])
    return moments_of_draws(
        fit["posterior"].to_dataset(), 1 / (1 / ess + 1 / (sizes["chain"] * sizes["draw"]))
    )


def reference(corner: Corner, folder: Path) -> dict[str, Any]:
    """Return NUTS moments with ESS of at least `ENOUGH`, kept in a folder from run to run."""
    path = folder / f"{corner.name}.json"
    told = json.loads(json.dumps(asdict(corner)))
    if path.exists() and (kept := json.loads(path.read_text()))["corner"] == told:
        return kept
    summary, spec, draws, began = corner.summary(), corner.spec(), 1500, time.perf_counter()
    while True:
        fit = ltv.fit(summary, spec, seed=17, progress=False, sampler={
            "draws": draws, "tune": 500 if corner.levels else 1500, "target_accept": 0.95,
        })  # fmt: skip
        moments, ess = moments_of_chains(fit["posterior"].to_dataset())
        if ess >= ENOUGH:
            break
        draws = int(np.clip(1.3 * draws * ENOUGH / ess, 1.3 * draws, 6 * draws))
    found = {
        "corner": told,
        "seconds": time.perf_counter() - began,
        "draws": draws,
        "ess": ess,
        "divergences": int(fit["sample_stats"]["diverging"].sum()),
        "rhat": float(az.rhat(fit["posterior"].to_dataset()).to_array().max()),
        **{name: np.asarray(value).tolist() for name, value in asdict(moments).items()},
    }
    path.write_text(json.dumps(found))
    return found


@dataclass(frozen=True)
class Compared:
    """A Laplace fit of a corner beside the reference; a missing figure is one of a fit that was refused.

    Attributes
    ----------
    khat, ess : float
    refusal : str
        Why it was refused, empty where it was accepted.
    mean, sd : float
        Largest differences, in posterior sds.
    excess : float
        The largest one after `ERRORS` Monte Carlo standard errors of both are taken off.
    where : str
        What that one belongs to.
    seconds, nuts_seconds : float
    """

    corner: Corner
    cells: int
    khat: float
    ess: float
    refusal: str
    mean: float
    sd: float
    excess: float
    where: str
    seconds: float
    nuts_seconds: float

    @property
    def is_right(self) -> bool:
        """Whether it agrees, or was refused with the cure and rightly so."""
        if self.refusal:
            return "method='nuts'" in self.refusal and not self.khat <= 0.7
        return self.excess <= CLOSE

    def row(self) -> str:
        """Return the row of the table."""
        told = "refused" if self.refusal else "accepted"
        return (
            f"{self.corner.name:34s} {self.corner.family:7s} {self.cells:6,d} {self.khat:5.2f} "
            f"{self.ess:6,.0f} {told:8s} {self.mean:6.3f} {self.sd:6.3f} {self.excess:7.3f} "
            f"{self.seconds:6.1f} {self.nuts_seconds:6.0f} {'' if self.is_right else 'WRONG '}{self.where}"
        )


HEADER = (
    f"{'log':34s} {'family':7s} {'cells':>6s} {'k-hat':>5s} {'ESS':>6s} {'':8s} {'mean':>6s} {'sd':>6s} "
    f"{'excess':>7s} {'s':>6s} {'NUTS s':>6s} where"
)


def compare(corner: Corner, folder: Path) -> Compared:
    """Return how the Laplace fit of a corner compares with its reference."""
    told, summary, began = reference(corner, folder), corner.summary(), time.perf_counter()
    fit = ltv.fit(summary, corner.spec(), seed=3, method="laplace", progress=False)
    seconds = time.perf_counter() - began
    stats, report = fit["sample_stats"].to_dataset(), ltv.check(fit, summary)
    refusal = " ".join(each.advice for each in report.results if each.status == "fail")
    theirs = Moments(**{each.name: np.array(told[each.name]) for each in fields(Moments)})
    mean, sd, excess, where = differences(moments_of_laplace(fit), theirs)
    return Compared(
        corner, int(fit.attrs["cells"]), float(stats["pareto_k"]), float(stats["importance_ess"]), refusal,
        mean, sd, excess, where, seconds, told["seconds"],
    )  # fmt: skip


def differences(ours: Moments, theirs: Moments) -> tuple[float, float, float, str]:
    """Return the largest difference of means and of sds, in their sds; the largest excess and its name."""
    both = [name for name in ours.names if name in set(theirs.names)]
    at, there = ([list(each.names).index(name) for name in both] for each in (ours, theirs))
    unit, apart, excess = theirs.sd[there], [], []
    for value, error in (("mean", "mean_error"), ("sd", "sd_error")):
        difference = np.abs(getattr(ours, value)[at] - getattr(theirs, value)[there])
        noise = ERRORS * np.hypot(getattr(ours, error)[at], getattr(theirs, error)[there])
        apart.append(float(np.max(difference / unit)))
        excess.append((difference - noise) / unit)
    worst = np.unravel_index(np.argmax(excess), np.shape(excess))
    return *apart, float(np.max(excess)), f"{('mean', 'sd')[worst[0]]} of {both[worst[1]]}"


if __name__ == "__main__":
    folder, *names = sys.argv[1:]
    Path(folder).mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    print(HEADER, flush=True)
    wrong = 0
    for name in names or CORNERS:
        found = compare(CORNERS[name], Path(folder))
        wrong += not found.is_right
        print(found.row(), flush=True)
    sys.exit(wrong > 0)
