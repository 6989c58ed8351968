"""Simulated businesses, brokers for a laptop, and the demo."""
