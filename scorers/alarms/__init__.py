"""The kinds of alarm, one file each, and the catalogue of all."""
