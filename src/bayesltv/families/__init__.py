"""The families of purchases and of spend: one folder each, and a line in the registry."""
