"""The states of subjects that are no customers, and how facts change them: one file each."""
