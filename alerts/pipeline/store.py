"""What a store of incidents is, and one in memory; the one on Kafka is `incident_store`."""

from collections.abc import Iterable
from typing import Protocol

from alerts.pipeline.incident import Incident


class Store(Protocol):
    """Where incidents are kept, by the id of the alarm."""

    def get(self, alarm_id: str, /) -> Incident | None:
        """The incident, from memory."""

    async def put(self, alarm_id: str, incident: Incident | None, /) -> None:
        """Store the incident, or delete it if None; `get` sees it at once, and it is durable on return."""


class Memory:
    """A store in memory."""

    def __init__(self, incidents: Iterable[Incident] = ()) -> None:
        self.incidents = {incident.alarm.alarm_id: incident for incident in incidents}

    def get(self, alarm_id: str) -> Incident | None:
        """The incident under this id."""
        return self.incidents.get(alarm_id)

    async def put(self, alarm_id: str, incident: Incident | None) -> None:
        """Store the incident, or delete it if None."""
        if incident is None:
            self.incidents.pop(alarm_id, None)
        else:
            self.incidents[alarm_id] = incident
