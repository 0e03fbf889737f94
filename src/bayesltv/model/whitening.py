"""``numerics.whitening`` as PyTensor operations: innovations of a clock from the sampler's coordinates."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType, disconnected_type
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_default_op_cache_key

from bayesltv.model.kernel_version import kernel_version
from bayesltv.numerics.whitening import innovations_of, pull_back

Tensor = Any


class Innovations(Op):  # type: ignore[misc]
    """(z, loadings, counts, seen) -> innovations and ln det L."""

    __props__ = ()

    def make_node(self, *inputs: Tensor) -> Apply:
        return Apply(self, [pt.as_tensor_variable(each) for each in inputs], [pt.dvector(), pt.dscalar()])

    def perform(self, _node: Apply, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        u, log_det = innovations_of(*(np.ascontiguousarray(each) for each in inputs))
        outputs[0][0], outputs[1][0] = u, np.asarray(log_det)

    def connection_pattern(self, _node: Apply) -> list[list[bool]]:
        return [[True, False], [True, True], [False, False], [True, False]]

    def pullback(
        self, inputs: Sequence[Tensor], outputs: Sequence[Tensor], cotangents: Sequence[Tensor]
    ) -> list[Tensor]:
        by_u, by_log_det = (
            pt.zeros_like(output) if isinstance(given.type, DisconnectedType) else given
            for output, given in zip(outputs, cotangents, strict=True)
        )
        by_z, by_loadings, by_seen = _PULL_BACK(*inputs, by_u, by_log_det)
        return [by_z, by_loadings, disconnected_type(), by_seen]


class PullBack(Op):  # type: ignore[misc]
    """Adjoint of `Innovations`."""

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
innovations = Innovations()


@register_funcify_default_op_cache_key(Innovations)
def _numba_innovations(_op: Op, **_: Any) -> Any:  # noqa: ANN401
    @numba_njit
    def whitened(z, loadings, counts, seen):  # type: ignore[no-untyped-def]
        u, log_det = innovations_of(
            np.ascontiguousarray(z),
            np.ascontiguousarray(loadings),
            np.ascontiguousarray(counts),
            np.ascontiguousarray(seen),
        )
        return u, np.asarray(log_det)

    return whitened, kernel_version()


@register_funcify_default_op_cache_key(PullBack)
def _numba_pull_back(_op: Op, **_: Any) -> Any:  # noqa: ANN401
    @numba_njit
    def whitened_back(z, loadings, counts, seen, by_u, by_log_det):  # type: ignore[no-untyped-def]
        by_z, by_loadings, by_seen = pull_back(
            np.ascontiguousarray(z),
            np.ascontiguousarray(loadings),
            np.ascontiguousarray(counts),
            np.ascontiguousarray(seen),
            np.ascontiguousarray(by_u),
            by_log_det[()],
        )
        return by_z, by_loadings, by_seen

    return whitened_back, kernel_version()
