"""Who may use the console: users, keys, sessions."""
