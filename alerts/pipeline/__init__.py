"""From an alarm to a delivery: decide, queue, deliver, record."""
