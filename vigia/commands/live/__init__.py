"""The commands that look at a running system on Kafka."""
