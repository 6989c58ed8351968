"""The worker: folds Kafka records through the core and publishes alarms, lessons and figures."""
