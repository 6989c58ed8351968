"""How a process says who it is."""
