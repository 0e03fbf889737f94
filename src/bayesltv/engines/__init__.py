"""Engines: where the rows are, and who walks them."""
