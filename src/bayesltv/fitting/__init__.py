"""Sampling, provenance, saving and loading of the DataTree."""
