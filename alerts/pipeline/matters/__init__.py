"""What belongs to one matter, who is told next of it, and when."""
