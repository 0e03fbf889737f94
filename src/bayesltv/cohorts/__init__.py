"""Cohorts by age: what acquired customers have brought by day N, known and to come."""
