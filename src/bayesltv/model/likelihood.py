"""The collapsed likelihoods as PyTensor operations with their gradients, over cells with counts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.gradient import DisconnectedType, disconnected_type
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_default_op_cache_key

from bayesltv.data.summary.cells import PurchaseCells, SpendRows, number_rows
from bayesltv.families.cells import purchase_value_and_gradient
from bayesltv.families.family import Family
from bayesltv.families.gamma_gamma.likelihood import spend_value_and_gradient
from bayesltv.kernels.clock import clocked_value_and_gradient
from bayesltv.model.kernel_version import kernel_version
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.specs.model.timeline import Timeline

Tensor = Any
Arrays = dict[str, NDArray[Any]]


class Likelihood(Op):  # type: ignore[misc]
    """A compiled kernel (parameters, *data) -> (log likelihood, gradient) with first derivatives."""

    __props__: tuple[str, ...] = ()
    kernel: Callable[..., Any]

    def make_node(self, parameters: Tensor, *data: Tensor) -> Apply:
        inputs = [pt.as_tensor_variable(value) for value in (parameters, *data)]
        return Apply(self, inputs, [pt.dscalar(), pt.dmatrix()])

    def perform(self, _node: Apply, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        value, gradient = self.kernel(*(np.ascontiguousarray(array) for array in inputs))
        outputs[0][0], outputs[1][0] = np.asarray(value), gradient

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True, True], *([False, False] for _ in node.inputs[1:])]

    def pullback(
        self, inputs: Sequence[Tensor], outputs: Sequence[Tensor], cotangents: Sequence[Tensor]
    ) -> list[Tensor]:
        if not isinstance(cotangents[1].type, DisconnectedType):
            raise NotImplementedError("the collapsed likelihood has first derivatives only")
        return [cotangents[0] * outputs[1], *(disconnected_type() for _ in inputs[1:])]


class PurchaseLikelihood(Likelihood):
    """``cells.purchase_value_and_gradient`` of a family inside a PyTensor graph."""

    __props__ = ("name", "settings")
    walk = staticmethod(purchase_value_and_gradient)

    def __init__(self, family: Family) -> None:
        self.name, self.settings, self.kind = family.name, family.settings, family.kind
        self.kernel = partial(self.walk, self.kind)


class ClockedPurchaseLikelihood(PurchaseLikelihood):
    """``kernels.clock.clocked_value_and_gradient`` of a family inside a PyTensor graph."""

    walk = staticmethod(clocked_value_and_gradient)


class SpendLikelihood(Likelihood):
    """``gamma_gamma.likelihood.spend_value_and_gradient`` inside a PyTensor graph."""

    kernel = staticmethod(spend_value_and_gradient)


@register_funcify_default_op_cache_key(PurchaseLikelihood)
def _numba_purchase(op: PurchaseLikelihood, **_: Any) -> Any:  # noqa: ANN401
    walk, kind = op.walk, op.kind

    @numba_njit
    def purchase_likelihood(parameters, *data):  # type: ignore[no-untyped-def]
        value, gradient = walk(kind, np.ascontiguousarray(parameters), *data)
        return np.asarray(value), gradient

    return purchase_likelihood, kernel_version()


@register_funcify_default_op_cache_key(SpendLikelihood)
def _numba_spend(_op: Op, **_: Any) -> Any:  # noqa: ANN401
    @numba_njit
    def spend_likelihood(parameters, *data):  # type: ignore[no-untyped-def]
        value, gradient = spend_value_and_gradient(np.ascontiguousarray(parameters), *data[:-1], data[-1][()])
        return np.asarray(value), gradient

    return spend_likelihood, kernel_version()


def purchase_data(cells: PurchaseCells, family: Family) -> Arrays:
    """Return what `PurchaseLikelihood` takes after the parameters, in its order."""
    coins = np.asarray(family.coins(cells.frequency))
    weight, frequency = cells.count.astype(np.float64), cells.frequency.astype(np.float64)
    group = cells.group.astype(np.int64)
    x_code, x_at = number_rows(group, cells.frequency)
    T_code, T_at = number_rows(group, cells.T)
    risky = np.flatnonzero((coins > 0) | family.needs_every_cell)
    t_code, t_at = number_rows(group[risky], cells.recency[risky])
    return {
        "weight": weight[risky],
        "frequency": frequency[risky],
        "x_code": x_code[risky],
        "T_code": T_code[risky],
        "t_code": t_code,
        "x": frequency[x_at],
        "k": coins[x_at].astype(np.float64),
        "x_group": group[x_at],
        "x_weight": np.bincount(x_code, weights=weight),
        "T": cells.T[T_at],
        "T_group": group[T_at],
        "T_weight": np.bincount(T_code, weights=weight),
        "T_purchases": np.bincount(T_code, weights=weight * frequency),
        "t": cells.recency[risky][t_at],
        "t_group": group[risky][t_at],
    }


def clocked_purchase_data(
    cells: PurchaseCells,
    family: Family,
    timeline: Timeline,
    clocks: Integers,
    repeats: Floats,
    days_per_unit: float,
) -> Arrays:
    """Return what `ClockedPurchaseLikelihood` takes after the packed parameters, in its order.

    Parameters
    ----------
    cells : PurchaseCells
        With days.
    family : Family
    timeline : Timeline
    clocks : ndarray of int64, shape (group,)
        The clock that each group goes by.
    repeats : ndarray of float64, shape (clock, segment)
        Repeat purchases.
    days_per_unit : float
    """
    assert cells.days is not None
    days = cells.days
    # recency and T become numbers of the distinct pairs of days, which the plain collapse then takes as times
    T_code, T_at = number_rows(days.first, days.end)
    t_code, t_at = number_rows(days.first, days.last)
    data = purchase_data(replace(cells, T=T_code.astype(float), recency=t_code.astype(float)), family)
    T, t = (data.pop(name).astype(np.int64) for name in ("T", "t"))
    pairs = {"T_first": days.first[T_at[T]], "T_end": days.end[T_at[T]],
             "t_first": days.first[t_at[t]], "t_last": days.last[t_at[t]]}  # fmt: skip
    distinct, place = np.unique(np.concatenate(list(pairs.values())), return_inverse=True)
    ends = np.cumsum([each.size for each in pairs.values()])[:-1]
    codes = dict(zip(pairs, np.split(place.astype(np.int64), ends), strict=True))
    segment = np.maximum(timeline.segment_of(distinct), 0)  # the calendar's day before the first
    order = ("T_first", "T_end", "T_group", "T_weight", "T_purchases", "t_first", "t_last", "t_group")
    whole = {**data, **codes}
    return {
        **{name: values for name, values in data.items() if name not in order},
        **{name: whole[name] for name in order},
        "clock": clocks,
        "segment": segment,
        "elapsed": (distinct - timeline.edges[segment]).astype(np.float64),
        "length": timeline.days.astype(np.float64),
        "unit": np.array([days_per_unit]),
        "repeats": repeats,
    }


def spend_data(rows: SpendRows, n_groups: int) -> Arrays:
    """Return what `SpendLikelihood` takes after the parameters, in its order."""
    group, repeats, has_first = rows.group.astype(np.int64), rows.count.astype(np.float64), rows.first > 0
    count = repeats + has_first
    code, at = number_rows(group, count, repeats) if has_first.any() else number_rows(group, count)
    is_full = rows.form == "full"
    log_first = np.log(np.where(has_first, rows.first, 1.0))
    log_mean, log_total, purchases = np.zeros_like(count), rows.log_total + log_first, count
    if not is_full:
        own = np.where(repeats > 0, repeats, 1.0)
        log_mean = rows.log_total / own
        log_total = repeats * (np.log(own) + log_mean) + log_first
        log_mean, purchases = log_mean + log_first, has_first.astype(np.float64)
    each, weight = np.arange(count.size), np.ones_like(count)
    if has_first.any():  # one-time buyers of one price are alike
        number, each = number_rows(group, repeats, rows.total, rows.first)
        weight = np.bincount(number).astype(np.float64)
    order = np.argsort(code[each], kind="stable")
    each, weight = each[order], weight[order]

    def by_group(values: Floats) -> Floats:
        return np.bincount(group, weights=values, minlength=n_groups).astype(np.float64)

    return {
        "total": rows.total[each],
        "first": rows.first[each],
        "weight": weight,
        "n": count[at],
        "n_repeats": repeats[at],
        "n_weight": np.bincount(code).astype(np.float64),
        "n_group": group[at],
        "n_end": np.cumsum(np.bincount(code[each])),
        "purchases": by_group(purchases),
        "log_total": by_group(log_total),
        "log_mean": by_group(log_mean),
        "firsts": by_group(has_first.astype(np.float64)),
        "is_full": np.asarray(is_full),
    }


def stacked(parameters: Mapping[str, Tensor], names: Sequence[str]) -> Tensor:
    """Return the matrix (parameter, group) that a likelihood takes, from scalars or vectors over groups."""
    return pt.stack([pt.atleast_1d(parameters[name]) for name in names])
