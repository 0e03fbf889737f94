"""What is written for others and read back: scores, plans, manifests, pictures."""
