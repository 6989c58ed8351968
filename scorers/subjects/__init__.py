"""The types of subjects: for each, how one fact or deadline is folded, judged and compared with the open alarms."""
