"""How facts change the state of a customer: one module for each concern; start at `evolve`."""
