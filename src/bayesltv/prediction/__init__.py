"""Posterior and customers to expectations, predictive draws and score tables, a block at a time."""
