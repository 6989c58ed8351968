"""The machine behind every subject: snapshot, recent facts, late facts, episodes, rows."""
