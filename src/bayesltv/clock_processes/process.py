"""What a process of the clock is: the verbs that its file has."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from bayesltv.numerics.arrays import Floats
from bayesltv.specs.prior import PriorSpec

Values = Mapping[str, Any]
"""Parameters of a process by their names in a spec: numbers, arrays of shape (draw,), or tensors."""
type Terms = Sequence[tuple[Any, Floats]]
"""Numbers (or arrays, or tensors) and the matrices that they are times."""


class Blocks(NamedTuple):
    """The blocks of days over which a clock is constant.

    Attributes
    ----------
    middles : ndarray of float64, shape (block,)
        Days since 1970-01-01; those of the fit first, then those ahead.
    fitted : int
        Number of blocks of the fit.
    harmonics : int
        Of a yearly season.
    """

    middles: Floats
    fitted: int
    harmonics: int


class ClockProcess(Protocol):
    """A process: s over the blocks as a design times states, which are normal given its parameters.

    Attributes
    ----------
    NAME : str
        Word used in specs.
    PRIORS : mapping of str to PriorSpec
        Its parameters with what is believed of them where a spec does not say, on the log scale of s.
    SCALE : str
        The parameter that all states are times.
    HAS_TERMS : bool
        Whether its states are terms, which the posterior keeps, rather than its path over the blocks.
    FEWEST_DAYS : int
        Of calendar, below which it leans on its prior.
    TOO_SHORT : str
        What a shorter calendar cannot do.
    """

    NAME: str
    PRIORS: Mapping[str, PriorSpec]
    SCALE: str
    HAS_TERMS: bool
    FEWEST_DAYS: int
    TOO_SHORT: str

    def size(self, blocks: Blocks) -> int:
        """Return the number of states over the blocks of the fit."""
        ...

    def design(self, blocks: Blocks) -> Floats:
        """Return the matrix from states to s over the blocks of the fit, shape (block, state)."""
        ...

    def precision(self, values: Values, blocks: Blocks) -> Terms:
        """Return that of the states, a sum of numbers times matrices of shape (state, state).

        The numbers are written with arithmetic only, so that the same lines serve NumPy and PyTensor.
        """
        ...

    def continued(
        self, state: Floats, values: Values, shocks: Callable[[int], Floats], blocks: Blocks
    ) -> Floats:
        """Return s over all blocks, shape (draw, block).

        Parameters
        ----------
        state : ndarray, shape (draw, block of the fit), or (draw, state) where it has terms
        values : mapping
            Arrays of shape (draw,).
        shocks : callable
            Number of a block ahead -> standard normals, shape (draw,).
        blocks : Blocks
        """
        ...
