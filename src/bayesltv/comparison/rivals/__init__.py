"""Forecasts of customers by others: gradient boosting, other packages, rules of thumb."""
