"""Events by HTTP, and the way of every event into Kafka."""
