"""Sends events from a till, a shop or a desk: `Publisher`, or `AsyncPublisher` where asyncio runs already.

>>> Publisher(spool="/nowhere/at/all", kafka="k:9092", gateway="http://g")
Traceback (most recent call last):
ValueError: name Kafka or a gateway, not both
"""

from vigia.client.publisher import AsyncPublisher, Publisher
from vigia.client.receivers import InvalidEvent, NotAcknowledged

__all__ = ["AsyncPublisher", "InvalidEvent", "NotAcknowledged", "Publisher"]
