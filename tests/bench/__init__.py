"""Benchmarks: what an event costs, as ratios in one run. Nothing here is a test."""
