"""What two settled states of one customer become, by concern."""
