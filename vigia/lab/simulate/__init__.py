"""A business invented from a seed: customers who come, buy, are let down and change their hearts on dated days.

`simulate` writes what a monitor may see and, apart, the truth that it is judged by: who left, when, why, and
what nobody told us. Knows the wire contract and nothing of stages, tiers or alarms as the monitor judges them.
"""

from vigia.lab.simulate.world import World
from vigia.lab.simulate.write import START, Summary, simulate

__all__ = ["START", "Summary", "World", "simulate"]
