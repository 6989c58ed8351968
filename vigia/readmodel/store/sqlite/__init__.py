"""The read model in one SQLite file in the state folder."""
