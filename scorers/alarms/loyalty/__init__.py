"""Kinds about attitude and attention."""
