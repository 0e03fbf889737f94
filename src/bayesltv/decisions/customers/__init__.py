"""Who the customers are: tiers, stages, segments, what changed, what they are worth."""
