"""Walks over customers and draws: compiled, on bare arrays and records of them, for any family and clock."""
