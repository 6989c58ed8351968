"""Kinds about the whole base of customers, and about its tiers and stores."""
