"""The commands that work on files and need no broker, and the demo."""
