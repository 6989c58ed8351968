"""Kinds about attitude, and about contact and variety."""
