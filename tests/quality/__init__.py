"""Measures the risk score on public purchase data. Nothing here is a test."""
