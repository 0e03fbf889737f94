"""Sample: weekly first purchases become draws of how new customers come."""

import json
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import xarray as xr

from bayesltv.base.seal import ARRIVALS, FORMAT, stamped
from bayesltv.data.summary.weeks import CHANNEL, NEW_CUSTOMERS, WEEK, WEEK_END, Weeks
from bayesltv.errors import FitError
from bayesltv.fitting.coordinates import plain_coordinates
from bayesltv.fitting.density import make_density
from bayesltv.fitting.fit import without_clocks
from bayesltv.fitting.laplace.arrivals import sample_arrivals_laplace
from bayesltv.fitting.sample import sample_nuts
from bayesltv.fitting.sampling import Sampling
from bayesltv.machine import versions
from bayesltv.model.arrivals import arrivals_model
from bayesltv.names import OBSERVATION_END
from bayesltv.specs.model.events import Events, iso
from bayesltv.specs.model.settings import SamplerSpec
from bayesltv.streams import generator, stream_key

SAMPLER = SamplerSpec(tune=1000, draws=2000, target_accept=0.9)
"""Long: sd and memory of the shocks mix slowly, and shorter runs failed the checks of one log in three."""


def sample_arrivals(weeks: Weeks, events: Events | None, sampling: Sampling) -> xr.DataTree:
    """Return the posterior of weekly arrivals, not yet checked.

    Raises
    ------
    DataError
        Where the events are not known for the weeks.
    FitError, SpecError
        Where it cannot be sampled.
    """
    if sampling.method == "laplace" and events is not None:
        raise FitError('arrivals with events are sampled by NUTS: use method="nuts"')
    if events is not None:
        events.require(int(weeks.ends[0]) - WEEK + 1, weeks.end, "the log of arrivals")
    settings = SAMPLER.overridden(sampling.overrides)
    groups = _drawn(weeks, events, settings, sampling)
    whole = {name: without_clocks(each) for name, each in groups.items()}
    tree = xr.DataTree.from_dict({**whole, "constant_data": _constant_data(weeks)})
    tree.attrs = {
        "format": FORMAT,
        "kind": ARRIVALS,
        ARRIVALS: json.dumps(_told(weeks, events)),
        OBSERVATION_END: iso(weeks.end),
        "method": sampling.method,
        "sampler": json.dumps(asdict(settings)),
        "seed": int(sampling.seed),
        "customers": int(weeks.counts.sum()),
        "versions": json.dumps(versions()),
    }
    return stamped(tree)


def _drawn(
    weeks: Weeks, events: Events | None, settings: SamplerSpec, sampling: Sampling
) -> dict[str, xr.Dataset]:
    if sampling.method == "laplace":
        return sample_arrivals_laplace(weeks, settings, generator(sampling.seed, "arrivals"))
    model = arrivals_model(weeks, events)
    density = make_density(model)
    return sample_nuts(
        model, density, settings,
        seed=int.from_bytes(stream_key(sampling.seed, "arrivals")[:4], "little"),
        frame=replace(plain_coordinates(density), spread=0.1), cores=sampling.cores,
        progress=sampling.progress, adaptation="diag",
    )  # fmt: skip


def _told(weeks: Weeks, events: Events | None) -> dict[str, Any]:
    return {
        "columns": list(weeks.columns),
        "channels": [list(levels) for levels in weeks.combinations],
        "weeks": int(weeks.counts.shape[1]),
        "dropped": weeks.dropped,
        "events": None if events is None else events.to_dict(),
    }


def _constant_data(weeks: Weeks) -> xr.Dataset:
    ends = [iso(int(day)) for day in weeks.ends]
    return xr.Dataset(
        {NEW_CUSTOMERS: ((CHANNEL, WEEK_END), weeks.counts)},
        coords={CHANNEL: np.array(weeks.labels, dtype=object), WEEK_END: np.array(ends, dtype=object)},
    )
