"""Reads alarms and sends notifications; it does not know how an alarm is found."""
