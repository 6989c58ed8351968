"""The machine behind every subject: settled snapshot, recent facts, late facts, episodes, rows."""
