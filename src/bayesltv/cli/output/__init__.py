"""What a command found, shown: in a terminal, as JSON, while it runs."""
