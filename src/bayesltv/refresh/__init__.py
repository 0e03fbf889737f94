"""Last month's fit meets this month's log: what moved, what came true, and what a CRM has to load."""
