"""Moves a running business to other topics: more partitions under a new prefix, and the cut-over that such a move needs."""
