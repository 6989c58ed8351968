"""The notifier's settings file and its secrets."""
