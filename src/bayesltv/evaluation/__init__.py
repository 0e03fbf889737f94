"""Forecasts against what happened, and replicated customers against real ones."""
