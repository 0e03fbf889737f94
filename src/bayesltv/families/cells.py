"""Customers counted by distinct history, as the collapsed likelihood of a family takes them.

Collapsing goes further than cells: what depends on the frequency alone is worked out at the distinct
(frequency, group), what depends on a time at the distinct (T, group) and (recency, group).
"""

from typing import NamedTuple

from bayesltv.families.verbs import value_and_slopes
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.numerics.compile import compiled


class Cells(NamedTuple):
    """Distinct histories and what they share.

    Attributes
    ----------
    weight, frequency : ndarray of float64, shape (cell,)
        Customers in the cell; x. Where a family says so, only cells with a dropout coin: the others are in
        the distinct values alone.
    x_code, T_code, t_code : ndarray of int64, shape (cell,)
        Where the cell's frequency, T and recency stand among the distinct ones.
    x, k, x_weight : ndarray of float64, shape (distinct frequency,)
        Frequency, dropout coins, customers.
    T, T_weight, T_purchases : ndarray of float64, shape (distinct T,)
        T, customers, Σ of their frequencies.
    t : ndarray of float64, shape (distinct recency,)
    x_group, T_group, t_group : ndarray of int64
        Group of each distinct value.
    """

    weight: Floats
    frequency: Floats
    x_code: Integers
    T_code: Integers
    t_code: Integers
    x: Floats
    k: Floats
    x_group: Integers
    x_weight: Floats
    T: Floats
    T_group: Integers
    T_weight: Floats
    T_purchases: Floats
    t: Floats
    t_group: Integers


@compiled
def purchase_value_and_gradient(kind, parameters, *cells):
    """Return the log likelihood of all customers and its gradient by the parameters of each group.

    Parameters
    ----------
    kind : law of a family
        Says which family it is; its own numbers are not used. See ``Family.kind``.
    parameters : ndarray of float64, shape (parameter, group)
    *cells : ndarray
        The fields of `Cells`.

    Returns
    -------
    float, ndarray of float64, shape (parameter, group)
    """
    value, gradient, _, _ = value_and_slopes(kind, parameters, Cells(*cells))
    return value, gradient
