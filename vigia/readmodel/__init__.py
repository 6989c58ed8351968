"""Views built from topics and from runs."""
