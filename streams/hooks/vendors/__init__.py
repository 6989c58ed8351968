"""One file for each vendor: how its deliveries are signed, and which events they give."""
