"""Arguments, options and Kafka access shared by commands."""
