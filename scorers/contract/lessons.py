"""The names that a lesson uses for the members of the risk model."""

LEARNERS = ("kalman", "sgd")  # the first is the champion at first
