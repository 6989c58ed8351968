"""Places at which a test may end a process."""
