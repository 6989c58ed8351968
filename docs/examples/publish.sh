#!/bin/sh
# Publish events from a shell, through the gateway: GATEWAY=http://127.0.0.1:8080 TOKEN=... publish.sh < events.jsonl
# One event a line. 202 means that Kafka has all of them; curl ends with 22 for any refusal, and its answer says why.
exec curl --silent --show-error --fail-with-body --max-time 60 \
  --header "Authorization: Bearer $TOKEN" \
  --header "Content-Type: application/x-ndjson" \
  --data-binary @- "$GATEWAY/v1/events"
