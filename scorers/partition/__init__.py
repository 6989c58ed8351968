"""Many subjects under one clock: routing, deadlines, and the ends of days."""
