"""How facts change the state of a customer: one module for each concern; `evolve` is the index."""
