"""One page that tells everything about a fit."""
