"""Model specs and decision files: TOML or Python in, frozen dataclasses out, from a closed vocabulary."""
