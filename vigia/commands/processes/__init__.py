"""Commands that run a process until it is stopped."""
