"""What crosses the border: events in, alarms out, their bytes, and why a record is rejected."""
