"""Kinds about the risk that the model tells."""
