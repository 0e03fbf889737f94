"""Decision files: value, tiers, stages, actions, budget, acquisition."""
