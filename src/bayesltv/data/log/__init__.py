"""A log of purchases, read: files and frames become rows, rows become one row per customer."""
