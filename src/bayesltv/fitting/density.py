"""The log density that a sampler walks on, taken from a ``pm.Model`` and fast to compile.

PyTensor compiles only the small part of the model between the unconstrained point and the natural parameters,
with the log prior: it knows nothing of the data and takes a second, or a moment once cached on disk. The
likelihood kernels stand in between, with their gradients, and the whole runs without the GIL. (Compiling the
model with its data into one function took 17 s at each fit, cached or not.)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray

from bayesltv.model.likelihood import Likelihood

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Density:
    """Log density and gradient on the unconstrained space, and the way back to named variables.

    Attributes
    ----------
    size : int
        Dimension of the unconstrained space.
    names : tuple of str
        The model's free and deterministic variables, in the order in which `expand` returns them.
    """

    size: int
    names: tuple[str, ...]
    start: Floats
    _evaluate: Callable[..., tuple[float, Floats]]
    _expand: Callable[..., Any]
    _data: tuple[tuple[Any, ...], ...]

    def __call__(self, point: Floats) -> tuple[float, Floats]:
        """Return the log density and its gradient at `point`, shape (size,)."""
        # a copy is aligned and writable: numba would compile anew for an array that is not
        return self._evaluate(np.array(point), *self._data)

    def expand(self, point: Floats) -> dict[str, Floats]:
        """Return the named variables at `point`."""
        return dict(zip(self.names, self._expand(np.array(point)), strict=True))


def make_density(model: pm.Model) -> Density:
    """Return the density of a model from ``build_model``, its priors and further potentials included."""
    terms = [potential for potential in model.potentials if _likelihood_of(potential) is not None]
    others = [potential for potential in model.potentials if _likelihood_of(potential) is None]
    inputs = model.replace_rvs_by_values([term.owner.inputs[0] for term in terms])
    rest = model.logp(vars=[*model.free_RVs, *model.observed_RVs, *others])
    outside = [*model.free_RVs, *model.deterministics]
    expanded = model.replace_rvs_by_values(outside)

    initial = model.initial_point(0)
    values = model.continuous_value_vars
    cotangents = [pt.dmatrix() for _ in terms]
    cost = rest + sum(pt.sum(each * matrix) for each, matrix in zip(cotangents, inputs, strict=True))
    slopes = pytensor.grad(cost, values, disconnected_inputs="ignore")
    gradient = pt.join(0, *[slope.ravel() for slope in slopes])

    outputs, point = pm.pytensorf.join_nonshared_inputs(
        point=initial, inputs=values, outputs=[rest, *inputs, gradient, *expanded], make_inputs_shared=False
    )
    split = 1 + len(terms)
    start = np.concatenate([np.ravel(initial[value.name]) for value in values]).astype(np.float64)
    return Density(
        size=start.size,
        names=tuple(variable.name for variable in outside),
        start=start,
        _evaluate=_joined(
            _compile([point], outputs[:split]),
            [type(term.owner.op).kernel for term in terms],
            _compile([point, *cotangents], [outputs[split]]),
        ),
        _expand=_compile([point], outputs[split + 1 :]),
        _data=tuple(tuple(_value(each) for each in term.owner.inputs[1:]) for term in terms),
    )


def _likelihood_of(potential: Any) -> Likelihood | None:  # noqa: ANN401
    owner = potential.owner
    return owner.op if owner is not None and isinstance(owner.op, Likelihood) else None


def _value(shared: Any) -> Any:  # noqa: ANN401
    value = shared.get_value(borrow=True)
    return value.item() if value.ndim == 0 else value


def _joined(forward: Any, kernels: Sequence[Any], backward: Any) -> Callable[..., tuple[float, Floats]]:  # noqa: ANN401
    """Return (point, *data) -> (log density, gradient), compiled to run without the GIL."""
    import numba

    if len(kernels) == 1:
        (only,) = kernels

        @numba.njit(nogil=True)
        def evaluate_one(point, data):  # type: ignore[no-untyped-def]
            rest, parameters = forward(point)
            value, slope = only(parameters, *data)
            return rest[()] + value, backward(point, slope)[0]

        return evaluate_one  # type: ignore[no-any-return]
    first, second = kernels

    @numba.njit(nogil=True)
    def evaluate_two(point, data, more):  # type: ignore[no-untyped-def]
        rest, parameters, others = forward(point)
        value, slope = first(parameters, *data)
        extra, steepness = second(others, *more)
        return rest[()] + value + extra, backward(point, slope, steepness)[0]

    return evaluate_two  # type: ignore[no-any-return]


def _compile(inputs: Sequence[Any], outputs: Sequence[Any]) -> Callable[..., Any]:
    """Return the compiled function without PyTensor's storage around it, so that chains may share it."""
    function = pytensor.function(inputs, outputs, mode="NUMBA", on_unused_input="ignore")
    compiled: Callable[..., Any] = function.vm.jit_fn
    return compiled
