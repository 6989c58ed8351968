"""The subjects of one partition under one clock: routing, deadlines, and the ends of days."""
