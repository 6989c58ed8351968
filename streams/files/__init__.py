"""Files of events into Kafka."""
