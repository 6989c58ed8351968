"""Simulate a business from a seed: customers who buy, have bad experiences, and leave on known days.

`simulate` writes the events that Vigía may read and, separately, the truth to measure it by: who left, when and why, and
the experiences that nobody reported. It knows the wire contract and nothing of Vigía's stages, tiers or alarms.
"""

from vigia.lab.simulate.world import World
from vigia.lab.simulate.write import START, Summary, simulate

__all__ = ["START", "Summary", "World", "simulate"]
