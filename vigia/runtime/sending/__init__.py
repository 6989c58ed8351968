"""Producers for processes that go on after a failure."""
