"""What travels between machines as bytes: arrays and JSON, no pickle."""

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import xarray as xr

from bayesltv.base.population import Posterior, hyperparameters_of
from bayesltv.errors import EngineError
from bayesltv.prediction.scores.scoring import Scoring
from bayesltv.prediction.scores.thresholds import COUNTS, Sample, Tally
from bayesltv.specs.decision.decision_spec import DecisionSpec
from bayesltv.specs.model.model_spec import ModelSpec

_HEAD = "head"
_THRESHOLDS = "thresholds"


def packed(scoring: Scoring) -> bytes:
    """Return a scoring as bytes: its posterior's draws (8 bytes a number, compressed) and the specs."""
    posterior, arrays = scoring.posterior, {}
    dims: dict[str, list[str]] = {}
    for name, variable in posterior.dataset.variables.items():
        values = np.asarray(variable.values)
        arrays[f"variable:{name}"] = values.astype(np.str_) if values.dtype.kind in "OUT" else values
        dims[str(name)] = [str(dim) for dim in variable.dims]
    if scoring.thresholds is not None:
        arrays[_THRESHOLDS] = scoring.thresholds
    head = {
        "dims": dims,
        "coords": [str(name) for name in posterior.dataset.coords],
        "spec": posterior.spec.to_dict(),
        "combinations": [list(levels) for levels in posterior.combinations],
        "time_unit": posterior.time_unit,
        "calendar": None if posterior.calendar is None else list(posterior.calendar),
        "without_first_amounts": posterior.without_first_amounts,
        "decision": scoring.decision.to_dict(),
        "seed": int(scoring.seed),
        "draws": int(scoring.hyperparameters.draws.size),
        "unknown_groups": scoring.unknown_groups,
        "fitted_until": scoring.fitted_until,
        "accepted_failed": list(scoring.accepted_failed),
    }
    arrays[_HEAD] = np.frombuffer(json.dumps(head).encode(), dtype=np.uint8)
    return _written(np.savez_compressed, arrays)


def unpacked(content: bytes) -> Scoring:
    """Return the scoring that `packed` was given.

    Raises
    ------
    EngineError
        Where the bytes are no such parcel.
    """
    with _read(content, "what arrived to be scored with") as file:
        arrays = dict(file)
        return _scoring(json.loads(arrays[_HEAD].tobytes()), arrays)


def packed_sample(sample: Sample) -> bytes:
    """Return the work of a pass as bytes."""
    step, stride = np.array([sample.step]), np.array([sample.stride])
    return _written(np.savez, {"low": sample.low, "high": sample.high, "step": step, "stride": stride})


def unpacked_sample(content: bytes) -> Sample:
    """Return the work of a pass that `packed_sample` was given.

    Raises
    ------
    EngineError
        Where the bytes are no such parcel.
    """
    with _read(content, "what arrived to be tallied") as file:
        return Sample(file["low"], file["high"], float(file["step"][0]), int(file["stride"][0]))


def packed_tallies(tallies: Sequence[Tally]) -> bytes:
    """Return tallies as bytes: counts of each draw, and the values inside its bracket, draw after draw."""
    arrays: dict[str, Any] = {}
    for at, tally in enumerate(tallies):
        arrays |= {f"{name}{at}": getattr(tally, name) for name in COUNTS}
        arrays[f"sizes{at}"] = np.array([values.size for values in tally.inside], dtype=np.int64)
        arrays[f"inside{at}"] = np.concatenate([*tally.inside, np.empty(0)])
    return _written(np.savez, arrays)


def unpacked_tallies(content: bytes, sample: Sample) -> list[Tally]:
    """Return the tallies of a sample that `packed_tallies` was given.

    Raises
    ------
    EngineError
        Where the bytes are no such parcel.
    """
    tallies = sample.nobody()
    with _read(content, "tallies that arrived from a worker") as file:
        for at, tally in enumerate(tallies):
            for name in COUNTS:
                getattr(tally, name)[:] = file[f"{name}{at}"]
            sizes = file[f"sizes{at}"]
            tally.values.append(file[f"inside{at}"])
            tally.draws.append(np.repeat(np.arange(sizes.size, dtype=np.int32), sizes))
    return tallies


def _written(save: Callable[..., None], arrays: Mapping[str, Any]) -> bytes:
    file = io.BytesIO()
    save(file, allow_pickle=False, **arrays)
    return file.getvalue()


@contextmanager
def _read(content: bytes, what: str) -> Iterator[Any]:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            yield file
    except Exception as error:  # whatever damaged bytes make of NumPy, JSON and the specs
        raise EngineError(f"{what} cannot be read: {error}") from error


def _scoring(head: Mapping[str, Any], arrays: Mapping[str, Any]) -> Scoring:
    posterior = _posterior(head, arrays)
    return Scoring(
        posterior=posterior,
        hyperparameters=hyperparameters_of(posterior).thinned(head["draws"]),
        decision=DecisionSpec.from_dict(head["decision"]),
        seed=head["seed"],
        unknown_groups=head["unknown_groups"],
        fitted_until=head["fitted_until"],
        thresholds=arrays.get(_THRESHOLDS),
        accepted_failed=tuple(head["accepted_failed"]),
    )


def _posterior(head: Mapping[str, Any], arrays: Mapping[str, Any]) -> Posterior:
    every = {name: (tuple(dims), arrays[f"variable:{name}"]) for name, dims in head["dims"].items()}
    coords = {name: every.pop(name) for name in head["coords"]}
    first_and_last = head["calendar"]
    return Posterior(
        dataset=xr.Dataset(every, coords=coords),
        spec=ModelSpec.from_dict(head["spec"]),
        combinations=tuple(tuple(levels) for levels in head["combinations"]),
        time_unit=head["time_unit"],
        calendar=None if first_and_last is None else (first_and_last[0], first_and_last[1]),
        without_first_amounts=head["without_first_amounts"],
    )
