"""The records of our own topics that several processes read and write: lessons, controls, signatures."""
