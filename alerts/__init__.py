"""Alarms in, notifications out: the shell that tells people, which never learns how an alarm was found."""
