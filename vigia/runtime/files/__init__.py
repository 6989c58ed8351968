"""Files of events: checked, read, put in order."""
