"""The metrics of worker, trainer and clock, and those of the base and of the alarms' quality that a worker shows."""
