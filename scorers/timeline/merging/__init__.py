"""Ids that are merged: what two timelines become, and what customers send each other because of it."""
