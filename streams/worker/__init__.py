"""The worker: Kafka records through the core, alarms and figures out."""
