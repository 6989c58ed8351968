"""Kafka in, alarms out: reads records, runs the core on them and writes alarms. It does not know who is notified."""
