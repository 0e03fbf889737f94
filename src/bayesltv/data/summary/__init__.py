"""A customer summary: kept, checked, and counted into the cells that a likelihood sees."""
