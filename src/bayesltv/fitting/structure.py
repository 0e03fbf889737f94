"""What a PyTensor graph computes, apart from the numbers that it computes with.

Two fits of the same model shape differ in shared variables alone (priors, group codes, bases): what was
compiled for the first serves the second once these are arguments.
"""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Constant
from pytensor.graph.replace import clone_replace
from pytensor.graph.traversal import graph_inputs, io_toposort
from pytensor.tensor.type import TensorType, dvector

Variable = Any


def numbers_in(outputs: Sequence[Variable]) -> list[SharedVariable]:
    """Return the shared variables that `outputs` depend on, in an order that follows from the graph."""
    found = (each for each in graph_inputs(outputs) if isinstance(each, SharedVariable))
    return [each for each in dict.fromkeys(found) if isinstance(each.type, TensorType)]


def structure_key(inputs: Sequence[Variable], outputs: Sequence[Variable]) -> Hashable:
    """Return a key that two graphs share where they compute the same from inputs of the same types.

    Operations that cannot be compared are equal to themselves only, so that a doubt gives a new key.

    Parameters
    ----------
    inputs : sequence of Variable
        Arguments and shared variables: their places and types count, not their names or values.
    outputs : sequence of Variable
    """
    known: dict[Variable, Hashable] = {each: ("input", at) for at, each in enumerate(inputs)}

    def word(variable: Variable) -> Hashable:
        if variable not in known:  # a constant, or something free that nothing can equal
            is_constant = isinstance(variable, Constant)
            known[variable] = (variable.type, variable.signature()) if is_constant else variable
        return known[variable]

    steps = []
    for node in io_toposort(inputs, outputs):
        steps.append((node.op, tuple(word(each) for each in node.inputs)))
        known.update({each: (len(steps), at) for at, each in enumerate(node.outputs)})
    return tuple(each.type for each in inputs), tuple(steps), tuple(word(each) for each in outputs)


def as_arguments(
    numbers: Sequence[SharedVariable], outputs: Sequence[Variable]
) -> tuple[list[Variable], list[Variable]]:
    """Return arguments that stand for the shared variables, and the outputs computed from them.

    All that are single float64 numbers become one vector, the first argument; the others an argument each.
    """
    scalars = [each for each in numbers if _is_scalar(each)]
    flat = dvector("numbers")
    others = {each: each.type() for each in numbers if not _is_scalar(each)}
    replaced = {**{each: flat[at] for at, each in enumerate(scalars)}, **others}
    return [flat, *others.values()], clone_replace(list(outputs), replace=replaced)


def argument_values(numbers: Sequence[SharedVariable]) -> tuple[NDArray[Any], ...]:
    """Return copies of what the shared variables hold now, in the order of `as_arguments`."""
    values = [(each.get_value(borrow=True), _is_scalar(each)) for each in numbers]
    flat = np.array([value for value, is_scalar in values if is_scalar], dtype=np.float64)
    return flat, *(np.array(value, order="C") for value, is_scalar in values if not is_scalar)


def _is_scalar(variable: Variable) -> bool:
    return bool(variable.type.ndim == 0 and variable.type.dtype == "float64")
