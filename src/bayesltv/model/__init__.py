"""Pure functions from cells and a spec to a ``pm.Model``."""
