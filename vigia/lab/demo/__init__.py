"""The demo's year of events: baskets of real households, with an invented service desk, staff and owner.

Real events have the source `complete-journey`, invented ones the source `simulated`.
"""

from vigia.lab.demo.year import NotInstalled, write_year

__all__ = ["NotInstalled", "write_year"]
