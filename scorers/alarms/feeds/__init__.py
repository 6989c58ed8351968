"""Kinds about feeds: the stores and sources that report."""
