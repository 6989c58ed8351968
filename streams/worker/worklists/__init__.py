"""Worklists over all partitions: what each tells of a date, the editions that are ranked from it, and the topic `worklist`."""
