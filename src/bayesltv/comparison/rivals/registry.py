"""What this package's forecasts are set beside: each rival by name, and what has to be installed for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec

from bayesltv.comparison.forecast import Forecast
from bayesltv.comparison.known import Known
from bayesltv.comparison.rivals.boosted import boosted
from bayesltv.comparison.rivals.peers import lifetimes_mle, mle_predictive, pymc_map, pymc_nuts
from bayesltv.comparison.rivals.simple_rules import average_order, last_window, past_spend

FULL = {"chains": 4, "draws": 1000, "tune": 1000}


@dataclass(frozen=True)
class Rival:
    """A method of somebody else.

    Attributes
    ----------
    forecast : callable
        Of what is known, quantity -> `Forecast`.
    module, extra : str
        What it imports, and the extra of this package that installs it; "" where nothing more is needed.
    is_slow : bool
        Minutes rather than seconds: only where it is asked for by name.
    """

    forecast: Callable[[Known], Mapping[str, Forecast]] = field(repr=False)
    module: str = ""
    extra: str = ""
    is_slow: bool = False

    @property
    def is_installed(self) -> bool:
        """Whether it can be run here."""
        return not self.module or find_spec(self.module) is not None


RIVALS: dict[str, Rival] = {
    "gradient boosting": Rival(boosted, "sklearn", "benchmark"),
    "predictive at the MLE": Rival(mle_predictive, "lifetimes", "lifetimes"),
    "lifetimes, MLE": Rival(lifetimes_mle, "lifetimes", "lifetimes"),
    "pymc-marketing, MAP": Rival(pymc_map),
    "pymc-marketing, NUTS": Rival(partial(pymc_nuts, sampler=FULL), is_slow=True),
    "order × frequency × time": Rival(average_order),
    "last window repeated": Rival(last_window),
    "past spend": Rival(past_spend),
}
