"""The error for arguments, settings and files that cannot be used."""


class UsageError(Exception):
    """An argument, a setting or a file cannot be used; the message names it and says how to fix it."""
