"""Kinds about the risk by the model."""
