"""Posterior and customers to expectations, predictive draws and score tables; blocks of customers at a time."""
