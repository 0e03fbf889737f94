"""The closed list of processes, in the order in which their parameters are named."""

from collections.abc import Mapping

from bayesltv.clock_processes import ar1, random_walk, seasonal
from bayesltv.clock_processes.process import ClockProcess

_ALL: tuple[ClockProcess, ...] = (ar1, random_walk, seasonal)
PROCESSES: Mapping[str, ClockProcess] = {process.NAME: process for process in _ALL}
