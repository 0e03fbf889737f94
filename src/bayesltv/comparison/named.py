"""Models that were given with names or without, and what a summary must carry for them."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bayesltv.data.log.reading import Carried
from bayesltv.errors import BayesltvError, BayesltvWarning, DataError, SpecError, said_of
from bayesltv.specs.catalogue import SpecLike, spec_of
from bayesltv.specs.model.model_spec import ModelSpec


def named[M](given: Mapping[str, M] | Sequence[M]) -> dict[str, M]:
    """Return models by name: their own, that of their file, or the whole path where two files have one name.

    Raises
    ------
    DataError
        Where two would still have one name.
    """
    if isinstance(given, Mapping):
        return dict(given)
    models: list[Any] = [given] if isinstance(given, str | Path | ModelSpec) else list(given)
    short = [str(_short_name(each)) for each in models]
    names = [
        str(each) if short.count(name) > 1 and isinstance(each, str | Path) else name
        for name, each in zip(short, models, strict=True)
    ]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError(f'{len(twice)} models are called "{twice[0]}": give a mapping of name to model')
    return dict(zip(names, models, strict=True))


def named_specs(given: Mapping[str, SpecLike] | Sequence[SpecLike]) -> dict[str, ModelSpec]:
    """Return specs by name, read where they are files or shipped names.

    Raises
    ------
    DataError, SpecError
        Where two have one name, one is unknown or wrong, or its groups are still "all".
    """
    specs = {name: spec_of(each) for name, each in named(given).items()}
    for name, spec in specs.items():
        if spec.is_open:
            raise SpecError(f'{name}: groups are still "all", and a log has no groups until they are named')
    return specs


def carried_by(specs: Mapping[str, ModelSpec]) -> Carried:
    """Return the groups and covariates that any of the specs needs."""
    groups = dict.fromkeys(column for spec in specs.values() for column in spec.groups)
    covariates = dict.fromkeys(column for spec in specs.values() for column in spec.covariates)
    return Carried(groups=tuple(groups), covariates=tuple(covariates))


def require_models(specs: Mapping[str, ModelSpec], summary: pd.DataFrame, *, when: str = "") -> None:
    """Refuse a spec that makes no model of a summary, by its name, before the first one is fitted.

    Raises
    ------
    BayesltvError
        As its fit would raise; `when` stands behind the name.
    """
    from bayesltv.fitting.fit import pose

    for name, spec in specs.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", BayesltvWarning)  # the fit says it again
                pose(summary, spec, time_unit=None)
        except BayesltvError as error:
            raise said_of(error, f"{name}{when}") from None


def _short_name(model: object) -> object:
    return Path(model).stem if isinstance(model, str | Path) else getattr(model, "title", "")
