"""Model specs: families, priors, pooling, covariates, clock, sampler and gates."""
