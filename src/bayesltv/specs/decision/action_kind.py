"""The kinds of action, one record each: what a kind lives by, and what it cannot do without."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ActionKind:
    """A kind of action.

    Attributes
    ----------
    name : str
        Word used in decision files.
    main_effect : str
        The effect that it lives by, and whose break-even value is reported; empty where any effect that is
        stated will do.
    needs : str
        Field of the action that must be stated; empty where none must.
    returns : bool
        Whether it gives customers who have left a second life.
    """

    name: str
    main_effect: str
    needs: str = ""
    returns: bool = False


KINDS: Mapping[str, ActionKind] = {
    kind.name: kind
    for kind in (
        ActionKind("contact", "rate", needs="contact"),
        ActionKind("discount", "rate", needs="discount"),
        ActionKind("free_delivery", "rate", needs="per_redemption"),
        ActionKind("membership", "dropout", needs="running"),
        ActionKind("gift", "rate", needs="contact"),
        ActionKind("bundle", "spend"),
        ActionKind("price_change", "rate", needs="price"),
        ActionKind("win_back", "reactivation", returns=True),
        ActionKind("cross_sell", "spend"),
        ActionKind("custom", ""),
    )
}
