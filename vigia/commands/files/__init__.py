"""Commands that work on files, and the demo."""
