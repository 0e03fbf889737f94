"""Logs and scores in databases, reached through Ibis: what is read there, what is written there."""
