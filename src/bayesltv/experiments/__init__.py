"""Randomised tests: what customers did by cell and arm, held against what was to be expected of them."""
