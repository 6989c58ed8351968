"""What becomes of the alarms of two ids that are merged."""
