"""From an alarm to its deliveries: decide, queue, send, record."""
