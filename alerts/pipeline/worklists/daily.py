"""The worklist of each date, sent once as a part of the digest of the next morning (T4, J7).

Entries come one by one on the topic `worklist`. Those that are funded wait in an incident of the date, one delivery for each
channel, until the digest goes; the newest edition replaces the earlier one until then. Once sent, the incident holds no customer
any more, and what comes later about the date changes nothing. A list that was old when it was read, or is history, is not sent.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping

import msgspec

from alerts.channels.contract import change_id
from alerts.pipeline.channel_queue import ChannelQueue
from alerts.pipeline.incident import Delivery, Incident
from alerts.pipeline.routes import Routes
from alerts.pipeline.store import Store
from alerts.settings.hours import next_of
from alerts.wording.worklist import Listed
from scorers.contract.alarms import Alarm, Subject
from scorers.contract.events import Duration, Instant
from scorers.contract.worklist import WorklistEntry, newest_edition

KEY_PREFIX = "worklist/"
RULE = "worklist"
NOBODY = "nobody_listed"  # all were taken off before it went
MOST_LISTED = 30  # of one date; the others are counted


class DailyWorklists:
    """Keeps the entries of each date until its digest goes; `name_of` gives the name of a customer, if it is known."""

    def __init__(
        self,
        routes: Routes,
        store: Store,
        queues: Mapping[str, ChannelQueue],
        keep: Callable[[Incident], Awaitable[None]],
        name_of: Callable[[str], str],
        notify_within: Duration,
    ) -> None:
        self.routes = routes
        self._store, self._queues, self._keep = store, queues, keep
        self._name_of, self._notify_within = name_of, notify_within
        self._dates: set[str] = set()

    def resume(self, incidents: Iterable[Incident]) -> None:
        """Continue with the dates that an earlier run left waiting."""
        self._dates = {one.alarm.alarm_id for one in incidents if one.alarm.alarm_id.startswith(KEY_PREFIX)}

    async def take(self, entries: Iterable[WorklistEntry], now: Instant) -> tuple[Delivery, ...]:
        """Take entries as they are read, those of a date at once; returns the deliveries that are new."""
        by_date: dict[str, list[WorklistEntry]] = {}
        for entry in entries:
            by_date.setdefault(entry.date, []).append(entry)
        return tuple([one for date, some in by_date.items() for one in await self._take(KEY_PREFIX + date, some, now)])

    async def drop(self, customer_id: str, date: str | None = None) -> None:
        """Take a customer off the early edition of a date, or off all lists if no date is named."""
        for key in sorted(self._dates):
            if date is None or key == KEY_PREFIX + date:
                await self._change(
                    key,
                    lambda listed: tuple(
                        one
                        for one in listed
                        if one.entry.customer_id != customer_id or (date is not None and one.entry.final)
                    ),
                )

    async def _take(self, key: str, entries: list[WorklistEntry], now: Instant) -> tuple[Delivery, ...]:
        fresh = [Listed(entry, self._name_of(entry.customer_id)) for entry in entries]
        known = self._store.get(key)
        if known is not None and any(one.rule != NOBODY for one in known.deliveries):
            await self._change(key, lambda listed: _told((*listed, *fresh)))
            return ()
        listed, route = _told(fresh), self.routes.worklist
        if not route.send or not listed or entries[0].history is True or now - entries[0].at > self._notify_within:
            return ()
        due = next_of(route.digest, now, self.routes.zone)
        channels = dict.fromkeys(self.routes.stand_in(one, due) for one in self.routes.worklist_channels)
        deliveries = tuple(_delivery(key, channel, listed, now, due) for channel in channels)
        self._dates.add(key)
        offered = tuple(self._queues[one.channel].offer(one) for one in deliveries)
        await self._keep(_incident(key, now, offered))
        return offered

    async def _change(self, key: str, change: Callable[[tuple[Listed, ...]], tuple[Listed, ...]]) -> None:
        """Change the entries of the deliveries that wait."""
        incident = self._store.get(key)
        if incident is None or not any(one.state == "waiting" for one in incident.deliveries):
            return
        after = []
        for one in incident.deliveries:
            if one.state == "waiting" and (listed := change(one.listed)) != one.listed:
                before, one = one, msgspec.structs.replace(one, listed=listed)
                if listed:
                    self._queues[one.channel].replace(one)
                elif self._queues[one.channel].withdraw(before):
                    one = msgspec.structs.replace(one, state="stopped", rule=NOBODY)
            after.append(one)
        if tuple(after) != incident.deliveries:
            await self._keep(msgspec.structs.replace(incident, deliveries=tuple(after)))


def _told(listed: Iterable[Listed]) -> tuple[Listed, ...]:
    """The funded entries of the newest edition; nobody who is held out."""
    found = list(listed)
    names = {one.entry.customer_id: one.name for one in found}
    told = [entry for entry in newest_edition(one.entry for one in found) if entry.funded and not entry.held_out]
    return tuple(Listed(entry, names[entry.customer_id]) for entry in told[:MOST_LISTED])


def _delivery(key: str, channel: str, listed: tuple[Listed, ...], now: Instant, due: Instant) -> Delivery:
    return Delivery(
        id=change_id(key, channel, 0),
        alarm_id=key,
        change=RULE,
        channel=channel,
        state="waiting",
        rule=RULE,
        time=now,
        severity="info",
        due=due,
        group=change_id(channel, "digest", due),
        listed=listed,
    )


def _incident(key: str, now: Instant, deliveries: tuple[Delivery, ...]) -> Incident:
    """The incident of a date; it is about no alarm, and counts as ended."""
    alarm = Alarm(
        type="alarm.settled",
        alarm_id=key,
        dedup_key=key,
        subject=Subject("base", key),
        customer_id=None,
        kind=RULE,
        severity="info",
        time=now,
        at=now,
        policy_version="",
        figures_version="",
        model_version="",
    )
    return Incident(alarm=alarm, raised_at=now, true_since=now, made_at=now, ended=True, deliveries=deliveries)
