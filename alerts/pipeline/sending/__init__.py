"""What goes through a channel: notifications, and the alarms that a channel wants to hear of again and again."""
