"""The kinds of alarm: when each is true, what it says, and the catalogue of all."""
