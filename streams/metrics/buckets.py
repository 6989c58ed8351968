"""The bounds of histograms, and closed lists of labels that several metrics share."""

from scorers.contract.events import TOPIC_OF

FAST = (1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 5e-2, 0.25)
SLOW = (1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
INPUTS = (*sorted({*TOPIC_OF.values(), "alarm-actions"}), "clock", "groups")  # of a worker
TOPICS = frozenset({*INPUTS, "lessons", "figures", "models", "alarms", "alarm-actions"})
OTHER = "other"  # what is on no closed list, in one series


def topic_label(topic: str) -> str:
    """A topic without prefix as the value of a label.

    >>> topic_label("purchases"), topic_label("somebody-elses")
    ('purchases', 'other')
    """
    return topic if topic in TOPICS else OTHER
