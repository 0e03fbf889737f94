"""What a base of customers looks like, what its value hangs on, and who makes it."""
