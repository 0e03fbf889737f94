"""The purchase families: what differs between them, in one value each.

BG/NBD and MBG/NBD share every formula once the number of dropout coins a customer has met is known: one
after each repeat purchase in BG/NBD (Fader, Hardie & Lee 2005), one after each purchase, the first
included, in MBG/NBD (Batislam, Denizel & Filiztekin 2007). Kernels take that number, `k`, beside the
frequency `x`.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Count = TypeVar("Count", int, NDArray[np.int64])


@dataclass(frozen=True)
class Family:
    """A buy-till-you-die family.

    Attributes
    ----------
    name : str
        Word used in specs.
    title : str
        Name in the literature.
    first_coins : int
        Dropout coins that the first purchase brings: 0 in BG/NBD, 1 in MBG/NBD.
    """

    name: str
    title: str
    first_coins: int

    def coins(self, frequency: Count) -> Count:
        """Return the number of dropout coins met by customers with this many repeat purchases."""
        return frequency + self.first_coins


BG_NBD = Family("bg_nbd", "BG/NBD", first_coins=0)
MBG_NBD = Family("mbg_nbd", "MBG/NBD", first_coins=1)
FAMILIES = {family.name: family for family in (BG_NBD, MBG_NBD)}
