"""Commands that inspect or act on a running system."""
