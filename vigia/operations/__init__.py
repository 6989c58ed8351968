"""Inspect and repair a running system from outside."""
