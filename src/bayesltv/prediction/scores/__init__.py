"""Score tables: one flat row per customer, tiers with it, and thresholds that others set."""
