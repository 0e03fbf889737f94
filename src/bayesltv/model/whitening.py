"""``numerics.whitening`` as PyTensor operations: states of a clock from the sampler's coordinates."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType, disconnected_type
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_default_op_cache_key

from bayesltv.model.kernel_version import kernel_version
from bayesltv.numerics.arrays import Floats
from bayesltv.numerics.whitening import coordinates_of, pull_back, states_of

Tensor = Any


class States(Op):  # type: ignore[misc]
    """(z, precision, pull) -> states and ln det L."""

    __props__ = ()

    def make_node(self, *inputs: Tensor) -> Apply:
        return Apply(self, [pt.as_tensor_variable(each) for each in inputs], [pt.dvector(), pt.dscalar()])

    def perform(self, _node: Apply, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        x, log_det = states_of(*(np.ascontiguousarray(each) for each in inputs))
        outputs[0][0], outputs[1][0] = x, np.asarray(log_det)

    def connection_pattern(self, _node: Apply) -> list[list[bool]]:
        return [[True, False], [True, True], [True, False]]

    def pullback(
        self, inputs: Sequence[Tensor], outputs: Sequence[Tensor], cotangents: Sequence[Tensor]
    ) -> list[Tensor]:
        apart = [isinstance(given.type, DisconnectedType) for given in cotangents]
        by_outputs = (
            pt.zeros_like(output) if is_apart else given
            for output, given, is_apart in zip(outputs, cotangents, apart, strict=True)
        )
        back: list[Tensor] = _PULL_BACK(*inputs, *by_outputs)
        return [disconnected_type(), back[1], disconnected_type()] if apart[0] else back


class PullBack(Op):  # type: ignore[misc]
    """Adjoint of `States`."""

    __props__ = ()

    def make_node(self, *inputs: Tensor) -> Apply:
        return Apply(
            self,
            [pt.as_tensor_variable(each) for each in inputs],
            [pt.dvector(), pt.dmatrix(), pt.dvector()],
        )

    def perform(self, _node: Apply, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        *arrays, by_log_det = (np.ascontiguousarray(each) for each in inputs)
        for output, value in zip(outputs, pull_back(*arrays, float(by_log_det[0])), strict=True):
            output[0] = value


_PULL_BACK = PullBack()
states = States()


def whitened_states(name: str, prior: Tensor, precision: Tensor, pull: Tensor, size: Tensor) -> Tensor:
    """Add the sampler's variable `name` to the model in context; return x ~ N(0, prior⁻¹), shape (state,).

    Parameters
    ----------
    name : str
    prior : tensor, shape (state, state)
        Precision of x.
    precision : tensor, shape (state, state)
        M: about what the posterior's is.
    pull : tensor, shape (state,)
        M times the posterior's mean, about.
    size : shared int64
        Number of states.
    """
    offset = pm.CustomDist(
        name, prior, precision, pull, logp=_log_density, random=_draw, signature="(x,x),(x,x),(x)->(x)",
        shape=(size,),
    )  # fmt: skip
    return states(offset, precision, pull)[0]


def _log_density(value: Tensor, prior: Tensor, precision: Tensor, pull: Tensor) -> Tensor:
    drawn, log_det = states(value, precision, pull)
    nothing = pt.zeros_like(value)
    prior_log_det = states(nothing, prior, nothing)[1]
    squares = pt.dot(drawn, pt.dot(prior, drawn)) + value.shape[0] * np.log(2 * np.pi)
    return prior_log_det - log_det - 0.5 * squares


def _draw(
    prior: Floats,
    precision: Floats,
    pull: Floats,
    rng: np.random.Generator | None = None,
    size: Any = None,  # noqa: ANN401
) -> Floats:
    assert rng is not None
    assert not size, "the offsets of one model are drawn one at a time"
    drawn = np.linalg.solve(np.linalg.cholesky(prior).T, rng.standard_normal(pull.size))
    offset: Floats = coordinates_of(drawn, np.ascontiguousarray(precision), pull)[0]
    return offset


@register_funcify_default_op_cache_key(States)
def _numba_states(_op: Op, **_: Any) -> Any:  # noqa: ANN401
    @numba_njit
    def whitened(z, precision, pull):  # type: ignore[no-untyped-def]
        x, log_det = states_of(
            np.ascontiguousarray(z), np.ascontiguousarray(precision), np.ascontiguousarray(pull)
        )
        return x, np.asarray(log_det)

    return whitened, kernel_version()


@register_funcify_default_op_cache_key(PullBack)
def _numba_pull_back(_op: Op, **_: Any) -> Any:  # noqa: ANN401
    @numba_njit
    def whitened_back(z, precision, pull, by_x, by_log_det):  # type: ignore[no-untyped-def]
        return pull_back(
            np.ascontiguousarray(z),
            np.ascontiguousarray(precision),
            np.ascontiguousarray(pull),
            np.ascontiguousarray(by_x),
            by_log_det[()],
        )

    return whitened_back, kernel_version()
