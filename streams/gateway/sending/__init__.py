"""How records reach Kafka: in batches that requests share, only where a broker answers, and until when each request waits."""
