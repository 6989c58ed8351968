"""Counts of the base by which people and prospects are judged."""
