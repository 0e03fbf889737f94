"""Figures and tables for people: they take results and compute nothing."""
