"""How people answer a message: signed links, made by the notifier and read by the console."""
