"""Which ended incidents are deleted, and when: those of which nothing was sent at once, the others after their time.

An open alarm keeps its incident. An ended one keeps it for 90 days after the last delivery, as people ask what was sent, one of
severity info of which only a digest told for 7, but no more than `MOST_ENDED` are kept, the newest; the topics `alarms` and
`alarm-actions` hold the whole story longer.
"""

from collections.abc import Iterable, Iterator

from alerts.pipeline import erasure
from alerts.pipeline.incident import Incident
from scorers.contract.events import DAY, Duration, Instant

KEPT_AFTER_END: Duration = 90 * DAY
INFO_KEPT: Duration = 7 * DAY
MOST_ENDED = 100_000
SILENT = frozenset({"too_old", "history", "no_route", "state_change", "info", "never_told", "over", "bookkeeping"})
"""The rules that concern every alarm of a kind or time, so that `explain` says the same without an incident."""


def worth_keeping(incident: Incident) -> bool:
    """Whether an ended incident says more than its alarm: something was sent or held back, or somebody acted."""
    return bool(incident.audit) or any(delivery.rule not in SILENT for delivery in incident.deliveries)


class Retention:
    """The ended incidents of a store, in the order in which they are deleted."""

    def __init__(self, most: int = MOST_ENDED) -> None:
        self._most = most
        self._ended: dict[str, Instant] = {}
        self._info: dict[str, Instant] = {}
        self._markers: dict[str, Instant] = {}

    def __len__(self) -> int:
        return len(self._ended) + len(self._info)

    def start(self, incidents: Iterable[Incident]) -> None:
        """Begin with the incidents of an earlier run."""
        for touched, incident in sorted(((last_touched(one), one) for one in incidents), key=lambda pair: pair[0]):
            self._note(incident, touched)

    def note(self, incident: Incident) -> None:
        """An incident was stored."""
        self._note(incident, last_touched(incident))

    def forget(self, alarm_id: str) -> None:
        """An incident was deleted."""
        self._ended.pop(alarm_id, None)
        self._info.pop(alarm_id, None)
        self._markers.pop(alarm_id, None)

    def due(self, now: Instant) -> Iterator[str]:
        """The incidents to delete now; each is forgotten here as it is named."""
        for kept, span, most in (
            (self._ended, KEPT_AFTER_END, self._most),
            (self._info, INFO_KEPT, self._most),
            (self._markers, erasure.RETENTION, None),
        ):
            while kept:
                alarm_id, touched = next(iter(kept.items()))
                if now - touched <= span and (most is None or len(kept) <= most):
                    break
                del kept[alarm_id]
                yield alarm_id

    def _note(self, incident: Incident, touched: Instant) -> None:
        alarm_id = incident.alarm.alarm_id
        self.forget(alarm_id)
        if incident.ended and not any(delivery.state == "waiting" for delivery in incident.deliveries):
            is_marker = alarm_id.startswith(erasure.KEY_PREFIX)
            kept = self._markers if is_marker else self._info if is_minor(incident) else self._ended
            kept[alarm_id] = touched


def is_minor(incident: Incident) -> bool:
    """Whether nothing but digests told of it, under severity info, and nobody acted on it."""
    return not incident.audit and all(one.severity == "info" for one in incident.deliveries)


def last_touched(incident: Incident) -> Instant:
    """When the notifier last read or sent something of it."""
    return max(
        incident.made_at,
        *(max(delivery.time, delivery.done or delivery.time) for delivery in incident.deliveries),
        Instant(0),
    )
