"""A randomised test: what it measured, as effects and as a table, and what one more would be worth."""
