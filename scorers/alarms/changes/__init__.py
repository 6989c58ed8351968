"""State changes, which are recorded and sent to no channel by default."""
