"""Bare arrays in, bare arrays out: likelihoods, closed forms, exact draws. NumPy, SciPy and numba only."""
