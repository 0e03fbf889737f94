"""What compiled code is made of: one way to compile, random numbers, quadrature, sums in any order."""
