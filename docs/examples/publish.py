"""Publish events from Python: `python publish.py kafka:9092 < events.jsonl`, one event a line."""

import json
import sys

from vigia.client import Publisher

with Publisher(kafka=sys.argv[1], prefix=sys.argv[2] if len(sys.argv) > 2 else "") as publisher:
    for line in sys.stdin:
        publisher.publish(json.loads(line))  # returns once Kafka has it
