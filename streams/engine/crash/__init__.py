"""The death of the process: what is remembered of it, and where tests bring it about."""
