"""State changes, which alarm nobody."""
