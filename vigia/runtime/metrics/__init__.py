"""Every metric that a process exposes, defined once: its name, type, labels, unit, rules and meaning."""
