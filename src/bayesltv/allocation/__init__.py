"""Who gets what, arrays in and arrays out: limits, prices, risk, hold-outs; it knows no customers."""
