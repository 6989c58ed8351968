"""The texts that people read."""
