"""Kinds about customers who do not come."""
