"""All figures of the toolkit; `bayesltv.plot` has them under short names."""
