"""Transactions to customer summary to cells; simulated logs and the embedded data set."""
