#!/bin/sh
# Read alarms from a shell: consume.sh kafka:9092 [PREFIX [COUNT]] prints the JSON of each change of an alarm.
# kafka-console-consumer.sh is a part of Apache Kafka; the same group id goes on where it stopped.
exec kafka-console-consumer.sh --bootstrap-server "$1" --topic "${2-}alarms" --group "${2-}my-alarms-shell" --from-beginning \
  --isolation-level read_committed ${3:+--max-messages "$3"}
