"""What people read of policies: every key with its meaning, what differs between two, and a JSON Schema for editors."""
