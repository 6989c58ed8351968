"""The trainer: lessons in, models out."""
