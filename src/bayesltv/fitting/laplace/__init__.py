"""A posterior without chains: mode, curvature, and weights that put right what they miss."""
