"""What compiled code is made of: one way to compile, random numbers, special functions."""
