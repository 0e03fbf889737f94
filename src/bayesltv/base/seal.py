"""The seal of a fit: a digest of all that it holds, and what must be true of it before it is used."""

import json
from collections.abc import Iterator, Mapping
from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bayesltv.errors import StoreError
from bayesltv.families.registry import PURCHASE, SPEND, SPEND_WITH_FIRST
from bayesltv.names import OBSERVATION_END, TIME_UNIT
from bayesltv.specs.frozen import digest
from bayesltv.units import DAYS_PER

if TYPE_CHECKING:
    from hashlib import _Hash

FORMAT = 2
"""Version of the layout of a fit; 1 had no digest."""
DIGEST = "digest"
"""Attribute of a fit that holds the SHA-256 of everything else in it."""
CHECKS = "checks"
"""Attribute of a fit that holds the results of its checks."""
UPLIFT, ARRIVALS = "uplift", "arrivals"
"""``kind`` of a fitted experiment, and of fitted arrivals: they have no spec of purchases."""
_TELLS = {UPLIFT: "experiment", ARRIVALS: ARRIVALS}
"""Attribute that says what such a fit was fitted to."""
SAMPLER_CHECKS = (
    "rhat", "ess_bulk", "ess_tail", "divergences", "ebfmi", "treedepth", "pareto_k", "importance_ess",
)  # fmt: skip
"""Names of the checks that every fit carries, whatever it was fitted to and however."""
STATUSES = ("pass", "warn", "fail", "not applicable")
JSON_ATTRIBUTES = ("spec", *_TELLS.values(), "sampler", "versions", CHECKS)
_RESULT = {"name", "status", "value", "threshold", "summary", "advice"}
_CURE = (
    "If you changed it yourself (thinned draws, say), take it over with ltv.as_fit(fit, summary, spec); if "
    "not, fit again"
)


def stamped(fit: xr.DataTree) -> xr.DataTree:
    """Return a copy of the fit that carries the digest of what it holds now."""
    kept = fit.copy()
    kept.attrs = {**fit.attrs, DIGEST: digest_of(fit)}
    return kept


def digest_of(fit: xr.DataTree) -> str:
    """Return the SHA-256 of a fit: names, dims, types and values of every group, and all attributes but it.

    It is the same before and after a netCDF file: texts count as texts, stamps as microseconds, and an
    attribute of one value as that value.
    """
    whole = sha256()
    for node in sorted(fit.subtree, key=lambda each: each.path):
        dataset = node.to_dataset(inherit=False)
        at_root = {name: value for name, value in dataset.attrs.items() if name != DIGEST}
        _tell(whole, node.path, at_root if node.path == "/" else dataset.attrs)
        for name in sorted(str(each) for each in dataset.variables):
            variable = dataset.variables[name]
            kind, content = _content(np.asarray(variable.values))
            _tell(whole, [name, variable.dims, variable.shape, kind, len(content)], variable.attrs)
            whole.update(content)
    return whole.hexdigest()


def require_sound(fit: xr.DataTree, title: str = "the fit") -> None:
    """Raise where a fit is not as it was made, or could not have been made so.

    Parameters
    ----------
    fit : DataTree
    title : str
        What it is called in messages: its file, where it comes from one.

    Raises
    ------
    StoreError
        Where it is no fit, comes from a later version, was damaged, edited or changed, lacks something, or
        holds a parameter that is not positive and finite.
    """
    _require_fit(fit, title)
    layout = _layout(fit, title)
    if (layout >= FORMAT or DIGEST in fit.attrs) and fit.attrs.get(DIGEST) != digest_of(fit):
        raise StoreError(
            f"{title} is not as it was made: its digest does not fit what it holds, so that it was damaged, "
            f"edited, or changed in Python. {_CURE}"
        )
    told = _read_attributes(fit, title)
    if not has_spec(fit):
        _require_possible(fit, (), title)
    else:
        _require_spec(fit, told["spec"], title)
        _require_possible(fit, _parameters(told["spec"]), title)
    if CHECKS in fit.attrs:
        _require_checks(told[CHECKS], title)


def is_uplift(fit: xr.DataTree) -> bool:
    """Return whether this is a fitted experiment."""
    return bool(fit.attrs.get("kind") == UPLIFT)


def has_spec(fit: xr.DataTree) -> bool:
    """Return whether this is a fit of customers, with a spec."""
    return fit.attrs.get("kind") not in _TELLS


def _tell(whole: "_Hash", what: object, attributes: Mapping[Any, Any]) -> None:
    """Add a line of JSON to a digest."""
    plain = {str(name): _plain(value) for name, value in attributes.items()}
    whole.update(json.dumps([what, plain], sort_keys=True).encode() + b"\n")


def _plain(value: object) -> object:
    values = np.asarray(value).ravel().tolist()
    return values[0] if len(values) == 1 else values


def _content(values: np.ndarray[Any, Any]) -> tuple[str, bytes]:
    """Return type and bytes of an array."""
    if values.dtype.kind in "biuf":
        plain = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
        return plain.dtype.str, plain.tobytes()
    if values.dtype.kind in "mM":
        return values.dtype.kind, values.astype(f"{values.dtype.kind}8[us]").astype("<i8").tobytes()
    return "text", json.dumps([str(each) for each in values.ravel()]).encode()


def _require_fit(fit: xr.DataTree, title: str) -> None:
    if not isinstance(fit, xr.DataTree) or "posterior" not in fit.children:
        raise StoreError(f"{title} is not a fit of bayesltv: pass what ltv.fit or ltv.load returned")
    own = ("spec", TIME_UNIT) if has_spec(fit) else (_TELLS[fit.attrs["kind"]],)
    needed = (*own, "format")
    missing = [name for name in needed if name not in fit.attrs]
    if missing:
        raise StoreError(
            f"{title} is not a fit of bayesltv: it lacks {', '.join(missing)}. Draws of your own become one "
            "by ltv.as_fit(tree, summary, spec)"
        )


def _layout(fit: xr.DataTree, title: str) -> int:
    try:
        layout = int(fit.attrs["format"])
    except (ValueError, TypeError) as error:
        raise _damaged(title, f"format is {_short(fit.attrs['format'])}") from error
    if layout > FORMAT:
        raise StoreError(f"{title} has layout {layout}, newer than this version knows: upgrade bayesltv")
    if layout < 1:
        raise _damaged(title, f"format is {layout}")
    return layout


def _read_attributes(fit: xr.DataTree, title: str) -> dict[str, Any]:
    """Return the attributes that are JSON, read; those that are not must make sense as well."""
    told = {}
    for name in JSON_ATTRIBUTES:
        try:
            told[name] = json.loads(fit.attrs.get(name, "{}"))
        except (ValueError, TypeError, RecursionError) as error:
            raise _damaged(title, f"its attributes cannot be read ({name}: {error})") from error
    if has_spec(fit) and fit.attrs[TIME_UNIT] not in DAYS_PER:
        raise _damaged(title, f"time_unit is {_short(fit.attrs[TIME_UNIT])}")
    try:
        date.fromisoformat(fit.attrs.get(OBSERVATION_END) or "1970-01-01")
    except (ValueError, TypeError) as error:
        raise _damaged(title, f"observation_end is {_short(fit.attrs[OBSERVATION_END])}") from error
    return told


def _require_spec(fit: xr.DataTree, spec: object, title: str) -> None:
    """Raise where the stored spec is not that of which the hash was taken when it was stored."""
    if not isinstance(spec, dict):
        raise _damaged(title, "its spec is no table")
    if "spec_hash" not in fit.attrs:
        raise _damaged(title, "it lacks spec_hash")
    try:
        found = digest(spec)
    except (ValueError, TypeError) as error:
        raise _damaged(title, f"its spec cannot be read ({error})") from error
    if found != fit.attrs["spec_hash"]:
        raise StoreError(f"{title} is damaged or edited: its spec is not the one of its spec_hash. {_CURE}")


def _parameters(spec: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the parameters of the spec's families; whoever reads the spec says what is wrong with it."""
    purchase, spend = (
        each if isinstance(each := spec.get(name), dict) else {} for name in ("purchase", "spend")
    )
    spends = SPEND_WITH_FIRST if spend.get("first_amounts") else SPEND
    known = PURCHASE.get(str(purchase.get("family"))), spends.get(str(spend.get("family")))
    return tuple(name for family in known if family is not None for name in family.parameters)


def _require_possible(fit: xr.DataTree, positive: tuple[str, ...], title: str) -> None:
    """Raise where a variable of the posterior is not finite, or one of `positive` is missing or not > 0."""
    posterior = fit["posterior"].to_dataset()
    missing = [name for name in positive if name not in posterior]
    if missing:
        raise StoreError(f"{title} is incomplete: its posterior lacks {', '.join(missing)}. {_CURE}")
    for name, bad, size in _impossible(posterior, positive):
        should = "positive and finite" if name in positive else "finite"
        raise StoreError(f"{title} is damaged: {bad:,} of {size:,} draws of {name} are not {should}. {_CURE}")


def _impossible(posterior: xr.Dataset, positive: tuple[str, ...]) -> Iterator[tuple[str, int, int]]:
    for name, variable in posterior.data_vars.items():
        values = variable.values
        if values.dtype.kind not in "biuf":
            yield str(name), values.size, values.size
            continue
        good = np.isfinite(values) & (values > 0) if name in positive else np.isfinite(values)
        if not good.all():
            yield str(name), int((~good).sum()), values.size


def _require_checks(results: object, title: str) -> None:
    """Raise where the results of checks are not those of a fit: a list, the sampler's results in it."""
    if not isinstance(results, list) or not all(_is_result(each) for each in results):
        raise _damaged(title, "its checks are no list of results")
    names = [each["name"] for each in results]
    missing = [name for name in SAMPLER_CHECKS if name not in names]
    if missing or len(set(names)) < len(names):
        what = f"its checks lack {', '.join(missing)}" if missing else "a check stands in it twice"
        raise _damaged(title, what)


def _is_result(result: object) -> bool:
    return (
        isinstance(result, dict)
        and set(result) == _RESULT
        and all(isinstance(result[name], str) for name in ("name", "status", "summary", "advice"))
        and result["status"] in STATUSES
        and all(_is_number(result[name]) for name in ("value", "threshold"))
    )


def _is_number(value: object) -> bool:
    """Return whether a stored figure can be read: a number, None, or the text of NaN or infinity."""
    if isinstance(value, str):
        return value in ("nan", "inf", "-inf")
    return value is None or isinstance(value, (int, float))


def _damaged(title: str, what: str) -> StoreError:
    return StoreError(f"{title} is damaged or incomplete: {what}. {_CURE}")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
