"""A running system looked at from outside, and mended."""
