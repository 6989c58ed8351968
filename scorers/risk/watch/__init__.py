"""Watches the told risk: whether it has drifted from what happens, and how good it was lately."""
