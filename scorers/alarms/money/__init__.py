"""Kinds about the value of a customer."""
