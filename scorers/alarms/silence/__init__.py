"""Kinds about customers who have stopped buying."""
