"""A year to look at: the baskets of real households, and a service desk invented beside them.

What is real has the source `complete-journey`, what is invented has the source `simulated`.
"""

from vigia.lab.demo.year import NotInstalled, write_year

__all__ = ["NotInstalled", "write_year"]
