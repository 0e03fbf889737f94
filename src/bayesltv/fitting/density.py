"""The log density that a sampler walks on, taken from a ``pm.Model`` and fast to compile.

PyTensor compiles only the small part of the model between the unconstrained point and the natural parameters,
with the log prior: it knows nothing of the data and takes a second or two. The likelihood kernels stand in
between, with their gradients, and run without the GIL. (Compiling the model with its data into one function
took 17 s at each fit, cached or not.)

What was compiled is kept, by the structure of the graph: priors, group codes and bases are arguments, so that
a second model of the same shape compiles nothing, whatever its priors and data.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray
from pymc.initial_point import make_initial_point_expression
from pytensor.graph.replace import clone_replace

from bayesltv.fitting.structure import argument_values, as_arguments, numbers_in, structure_key
from bayesltv.model.likelihood import Likelihood
from bayesltv.numerics.arrays import Floats

Arrays = tuple[NDArray[Any], ...]
KEPT = 32
"""Model shapes whose compiled functions are kept in a process, the latest used ones; each is a few MB."""


@dataclass(frozen=True)
class Compiled:
    """Functions of one model shape; all that differs between two models of the shape is an argument.

    Attributes
    ----------
    start : callable
        numbers -> start values, one array per free variable.
    forward : callable
        (point, *numbers) -> log prior, then the parameter matrix of each likelihood.
    backward : callable
        (point, *slopes by parameters, *numbers) -> gradient.
    expand : callable
        (point, *numbers) -> named variables.
    """

    start: Callable[..., Any]
    forward: Callable[..., Any]
    backward: Callable[..., Any]
    expand: Callable[..., Any]


@dataclass(frozen=True)
class Density:
    """Log density and gradient on the unconstrained space, and the way back to named variables.

    Attributes
    ----------
    names : tuple of str
        The model's free and deterministic variables, in the order in which `expand` returns them.
    start : ndarray, shape (size,)
        The centre of the prior.
    """

    names: tuple[str, ...]
    start: Floats
    _compiled: Compiled
    _numbers: Arrays
    _kernels: tuple[Callable[..., Any], ...]
    _data: tuple[tuple[Any, ...], ...]

    @property
    def size(self) -> int:
        """Return the dimension of the unconstrained space."""
        return self.start.size

    @property
    def terms(self) -> int:
        """Return the number of cells and repeaters that one evaluation sums over."""
        return sum(data[0].size for data in self._data)

    def __call__(self, point: Floats) -> tuple[float, Floats]:
        """Return the log density and its gradient at `point`, shape (size,)."""
        # a copy is aligned and writable: numba would compile anew for an array that is not
        own = np.array(point)
        rest, *parameters = self._compiled.forward(own, *self._numbers)
        value, slopes = float(rest), []
        for kernel, matrix, data in zip(self._kernels, parameters, self._data, strict=True):
            part, slope = kernel(matrix, *data)
            value += part
            slopes.append(slope)
        return value, self._compiled.backward(own, *slopes, *self._numbers)[0]

    def only(self, terms: Collection[int]) -> "Density":
        """Return the density of the whole prior and these likelihoods alone, by their place in the model."""
        numbered = range(len(self._kernels))
        return replace(
            self,
            _kernels=tuple(self._kernels[at] if at in terms else _silent for at in numbered),
            _data=tuple(self._data[at] if at in terms else (np.empty(0),) for at in numbered),
        )

    def expand(self, point: Floats) -> dict[str, Floats]:
        """Return the named variables at `point`."""
        return dict(zip(self.names, self._compiled.expand(np.array(point), *self._numbers), strict=True))


def make_density(model: pm.Model) -> Density:
    """Return the density of a model from ``build_model``, its priors and further potentials included."""
    terms, others = likelihoods_and_others(model)
    outside = [*model.free_RVs, *model.deterministics]
    symbols = Symbols(
        values=tuple(model.continuous_value_vars),
        starts=tuple(_start_expressions(model)),
        rest=model.logp(vars=[*model.free_RVs, *model.observed_RVs, *others]),
        parameters=tuple(model.replace_rvs_by_values([term.owner.inputs[0] for term in terms])),
        expanded=tuple(model.replace_rvs_by_values(outside)),
    )
    numbers = numbers_in(symbols.outputs)
    compiled = _REMEMBERED.get(
        structure_key([*symbols.values, *numbers], symbols.outputs), lambda: symbols.compiled(numbers)
    )
    values = argument_values(numbers)
    return Density(
        names=tuple(variable.name for variable in outside),
        start=flattened(compiled.start(*values)),
        _compiled=compiled,
        _numbers=values,
        _kernels=tuple(term.owner.op.kernel for term in terms),
        _data=tuple(tuple(_value(each) for each in term.owner.inputs[1:]) for term in terms),
    )


def likelihoods_and_others(model: pm.Model) -> tuple[list[Any], list[Any]]:
    """Return the potentials that are likelihoods with a kernel, and the others."""
    known = [(potential, _likelihood_of(potential) is not None) for potential in model.potentials]
    return [term for term, is_one in known if is_one], [term for term, is_one in known if not is_one]


@dataclass(frozen=True)
class Symbols:
    """The parts of a model's density as PyTensor variables; see `Compiled` for what they become."""

    values: tuple[Any, ...]
    starts: tuple[Any, ...]
    rest: Any
    parameters: tuple[Any, ...]
    expanded: tuple[Any, ...]

    @property
    def outputs(self) -> list[Any]:
        """Return all that is computed."""
        return [self.rest, *self.parameters, *self.expanded, *self.starts]

    def compiled(self, numbers: Sequence[Any]) -> Compiled:
        """Return the compiled functions, with the shared variables `numbers` as arguments."""
        cotangents = [pt.dmatrix() for _ in self.parameters]
        weighed = zip(cotangents, self.parameters, strict=True)
        cost = self.rest + sum(pt.sum(each * matrix) for each, matrix in weighed)
        slopes = pytensor.grad(cost, self.values, disconnected_inputs="ignore")
        gradient = pt.join(0, *[slope.ravel() for slope in slopes])
        arguments, outputs = as_arguments(numbers, [*self.outputs, gradient])
        starts = outputs[-1 - len(self.starts) : -1]
        find_start = pytensor.function(arguments, starts, mode="FAST_COMPILE", on_unused_input="ignore")
        point = pt.dvector("point")
        joined = clone_replace(
            [*outputs[: -1 - len(starts)], outputs[-1]],
            replace={
                value: _shaped(point[piece], value.type)
                for value, piece in zip(self.values, pieces_of(self.values), strict=True)
            },
        )
        split = 1 + len(self.parameters)
        # fastmath fuses operations across functions or not, depending on whether these come from the cache on
        # disk: gradients of one model differed in the last bit between processes, and with them the draws
        with pytensor.config.change_flags(numba__fastmath=False):
            made = Compiled(
                start=find_start,
                forward=_compile([point, *arguments], joined[:split]),
                backward=_compile([point, *cotangents, *arguments], joined[-1:]),
                expand=_compile([point, *arguments], joined[split:-1]),
            )
            _call_once(made, argument_values(numbers))
        return made


def pieces_of(values: Sequence[Any]) -> list[slice]:
    """Return where each variable stands in the point. One of them may be as long as the point allows."""
    sizes = [None if None in value.type.shape else int(np.prod(value.type.shape)) for value in values]
    assert sizes.count(None) <= 1, "the sizes of variables follow from that of the point"
    open_at = sizes.index(None) if None in sizes else len(sizes)
    known = np.array([size or 0 for size in sizes], dtype=int)
    starts, after = known.cumsum() - known, known.sum() - known.cumsum()
    return [
        slice(int(starts[at]) if at <= open_at else -int(after[at] + known[at]),
              int(starts[at] + known[at]) if at < open_at else (-int(after[at]) or None))
        for at in range(len(sizes))
    ]  # fmt: skip


def _shaped(part: Any, kind: Any) -> Any:  # noqa: ANN401
    """Return a part of the point as a variable of this type."""
    return kind.filter_variable(
        part[0] if kind.ndim == 0 else part if kind.ndim == 1 else part.reshape(kind.shape)
    )


def _silent(parameters: Floats, *_: Any) -> tuple[float, Floats]:  # noqa: ANN401
    """Stand for a likelihood that is left out."""
    return 0.0, np.zeros_like(parameters)


def _call_once(made: Compiled, numbers: Arrays) -> None:
    """Call each function: numba compiles only then."""
    point = flattened(made.start(*numbers))
    _, *matrices = made.forward(point, *numbers)
    made.backward(point, *matrices, *numbers)
    made.expand(point, *numbers)


def flattened(values: Sequence[Any]) -> Floats:
    """Return the values of all variables as one point."""
    return np.concatenate([np.ravel(each) for each in values]).astype(np.float64)


class _Memory:
    """Compiled functions by model structure; compiling is one thread's work at a time."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._items: OrderedDict[Hashable, Compiled] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Compiled]) -> Compiled:
        with self._lock:
            if key not in self._items:
                self._items[key] = make()
            self._items.move_to_end(key)
            while len(self._items) > self._size:
                self._items.popitem(last=False)
            return self._items[key]


_REMEMBERED = _Memory(KEPT)


def _start_expressions(model: pm.Model) -> list[Any]:
    expressions: list[Any] = make_initial_point_expression(
        free_rvs=model.free_RVs,
        rvs_to_transforms=model.rvs_to_transforms,
        initval_strategies=model.rvs_to_initial_values,
        return_transformed=True,
    )
    return expressions


def _likelihood_of(potential: Any) -> Likelihood | None:  # noqa: ANN401
    owner = potential.owner
    return owner.op if owner is not None and isinstance(owner.op, Likelihood) else None


def _value(shared: Any) -> Any:  # noqa: ANN401
    value = shared.get_value(borrow=True)
    return value.item() if value.ndim == 0 else value


def _compile(inputs: Sequence[Any], outputs: Sequence[Any]) -> Callable[..., Any]:
    """Return the compiled function without PyTensor's storage around it, so that chains may share it.

    Checks of the priors' parameters are left out: the spec has made them, when it was read.
    """
    mode = pytensor.compile.mode.get_mode("NUMBA").including("local_remove_check_parameter")
    function = pytensor.function(inputs, outputs, mode=mode, on_unused_input="ignore")
    compiled: Callable[..., Any] = function.vm.jit_fn
    return compiled
