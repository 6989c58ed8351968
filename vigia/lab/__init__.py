"""Invented and replayed businesses, brokers for a laptop, and the demo."""
