"""Several specs on one summary, one spec at several cut dates."""
