"""What every process needs: broker, settings, topics, health, redaction."""
