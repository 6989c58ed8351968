"""Kinds about what a customer is worth."""
