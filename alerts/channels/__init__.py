"""The ways to send a notification: one file for each, and the catalogue that lists them."""
