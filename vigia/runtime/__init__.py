"""The floor that every process stands on: broker, settings, topics, health, redaction."""
