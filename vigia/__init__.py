"""The command line and what all processes share: settings, logging, names of topics."""
