"""The parts of a customer's state, one file for each concern."""
