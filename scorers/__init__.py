"""The pure core: from events to alarms and lessons.

Nothing here imports another package of the project, does I/O, reads a clock or logs.
Time is event time, in integer microseconds since 1970-01-01 UTC; money is integer minor units.
"""
