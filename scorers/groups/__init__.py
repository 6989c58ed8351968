"""The states of groups, such as sites and stores, and how facts change them: one file each."""
