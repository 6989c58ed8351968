"""What each process and command may do on Kafka."""
