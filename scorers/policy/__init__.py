"""The user's control parameters: one table for each concern, how the file is read and checked, business time."""
