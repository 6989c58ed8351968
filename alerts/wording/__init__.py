"""The words that people read, made harmless."""
