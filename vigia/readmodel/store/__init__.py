"""The read model of the console: customers, alarms and worklists in one SQLite file, built from topics or from a run."""
