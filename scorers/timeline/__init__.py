"""The machine behind every watched subject: settled snapshot, recent facts, episodes, late facts, rows."""
