"""The daily worklist as a digest."""
