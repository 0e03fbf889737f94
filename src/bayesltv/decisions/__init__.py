"""From posteriors to money: tiers, stages, actions with their profit and loss, and who gets which."""
