"""The rows of a partition: one for each subject, and those of the partition itself."""
