"""The command line, and at the bottom what every process needs: broker, settings, topics, health."""
