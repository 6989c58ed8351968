"""Kinds about sites and their staff."""
