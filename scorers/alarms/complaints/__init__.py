"""Kinds about what went wrong: complaints, requests, promises, bad experiences."""
