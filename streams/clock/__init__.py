"""The clock: tells every partition that time has passed."""
