"""A fit meets a summary: its draws placed onto customers, once, for every question that is asked of them."""
