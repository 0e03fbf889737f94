"""A randomised test: posed, fitted with histories or without, as effects and a table; worth of the next."""
