"""Kafka in, alarms out: the shell around the scoring, which never learns who is told."""
