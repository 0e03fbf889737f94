"""A randomised test: posed, fitted with or without histories, as effects and as a table; worth of one more."""
