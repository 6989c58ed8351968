"""Kinds about the places where customers are served."""
