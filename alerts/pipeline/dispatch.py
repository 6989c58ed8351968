"""Decides about each change of an alarm, keeps its incident, and delivers what was decided.

    alarm -> decide (stages) -> delivery in the incident -> queue -> channel -> delivery in the incident

A delivery is stored as `waiting` before it is sent and as `sent` after. So a clean restart repeats nothing, and a kill
between sending and storing repeats a delivery under the same id. This module does not know Kafka: it needs a `Store`.
"""

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Iterable, Mapping

import msgspec

from alerts.channels.contract import Channel
from alerts.pipeline import erasure
from alerts.pipeline.channel_queue import ChannelQueue, waiting
from alerts.pipeline.incident import (
    CHANGES,
    ENDINGS,
    Action,
    ActionRejected,
    Delivery,
    Incident,
    action_record,
    after_snooze,
    apply_action,
    change_of,
    escalated,
    fold,
    was_merged,
    with_alarm,
    with_deliveries,
)
from alerts.pipeline.matters import merged, threads
from alerts.pipeline.matters.ladders import FollowUp, next_follow_up
from alerts.pipeline.overflow import is_folded
from alerts.pipeline.retention import Retention, worth_keeping
from alerts.pipeline.routes import Routes
from alerts.pipeline.sending.hourly import Hourly
from alerts.pipeline.sending.notification import Composer
from alerts.pipeline.sending.running import run_until
from alerts.pipeline.sending.spared import Spared
from alerts.pipeline.sending.standing import Standing
from alerts.pipeline.stages import DecisionContext, candidate, decide, explain
from alerts.pipeline.store import Store
from alerts.pipeline.worklists.daily import DailyWorklists
from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, MINUTE, Duration, Instant
from vigia.runtime.answering.links import Links
from vigia.runtime.crash.failpoints import failpoint
from vigia.runtime.privacy.keyed_hash import KeyedHash

RELEASE: Duration = 10 * MINUTE
"""An inhibited alarm waits this long after the end of the larger one, as the same cause may end it too."""

SAVED_AT_ONCE = 500
HELD_BACK = frozenset({"inhibited", threads.RULE})
"""The rules that hold an alarm back because of another."""


class Dispatcher:
    """Decides about each change, and delivers what was decided."""

    def __init__(
        self,
        routes: Routes,
        channels: Mapping[str, Channel],
        store: Store,
        notify_within: Duration = 2 * DAY,
        *,
        hashes: KeyedHash,
        links: Links | None = None,
    ) -> None:
        self.routes = routes
        self.hashes = hashes  # of erased customers
        self.store = store
        self.spared = Spared()
        self.queues = {
            name: ChannelQueue(
                channels[name],
                settings,
                Composer(name, settings, routes.zone, links, routes.templates, self.spared.count),
            )
            for name, settings in routes.channels.items()
        }
        self._hourly = Hourly()
        self.context = DecisionContext(
            routes, self._open_incidents, self._thread, self._hourly.sent_alone, notify_within
        )
        self.worklists = DailyWorklists(routes, store, self.queues, self._keep, self._name_of, notify_within)
        self.standing = Standing(routes.channels, channels, store)
        self.planned = asyncio.Event()
        self.retention = Retention()
        self._merged = merged.Merged(store)
        self._by_customer: dict[str, set[str]] = {}
        self._follow_ups: list[tuple[Instant, str]] = []
        self._escalated: dict[str, int] = {}

    async def resume(self, incidents: Iterable[Incident], now: Instant) -> None:
        """Continue from the incidents of an earlier run: their follow-ups, and the deliveries that wait."""
        incidents = list(incidents)
        self.worklists.resume(incidents)
        left: list[Delivery] = []
        ended: list[Incident] = []
        for incident in incidents:
            self._index(incident)
            self.spared.note(incident.alarm.customer_id, incident.deliveries)
            if incident.ended:
                ended.append(incident)
            for delivery in incident.deliveries:
                self._hourly.count(delivery)
                if is_folded(delivery) and delivery.state == "waiting" and delivery.channel in self.queues:
                    self.queues[delivery.channel].offer(with_alarm(delivery, incident), again=True)  # held without it
                elif delivery.state == "waiting":
                    left.append(delivery)
        self.retention.start(ended)
        await self.purge(now)
        for delivery in waiting(left):
            if delivery.channel in self.queues:
                self.queues[delivery.channel].offer(delivery, again=True)
            else:
                await self._save(
                    [msgspec.structs.replace(delivery, state="stopped", rule="channel_removed", done=now, alarm=None)]
                )

    async def take(self, alarm: Alarm, now: Instant, made: Instant | None = None) -> tuple[Delivery, ...]:
        """Decide about a change of an alarm and store it; returns its deliveries, none if it was seen before.

        `made` is when the record was written to `alarms`, now if it is not known.
        """
        made = now if made is None else min(made, now)
        incident = self.store.get(alarm.alarm_id)
        if incident is not None and change_of(alarm) in incident.seen:
            if incident.ended:  # a kill may have come before the rest of its matter was stored
                await self._after_end(incident, now)
            return ()
        if self._is_erased(alarm):
            await self._drop(alarm.alarm_id, incident)
            return ()
        if incident is not None and alarm.type in ENDINGS:
            incident = self._withdraw(incident, now)
        former = self._merged.former(alarm, incident)
        if former is not None:
            former = self._withdraw(former, now, merged.RULE)
            incident = merged.goes_on(former, alarm, self._keeps_state, now)
        folded = fold(incident, alarm, made)
        if incident is None:
            folded = msgspec.structs.replace(folded, thread=self._find_thread(alarm), continues=alarm.continues or "")
        found = decide(candidate(alarm, incident, now, self.context, made=made))
        if was_merged(folded):  # what goes on from it may be read later
            keeps = self._keeps_state if merged.has_own_key(alarm) else None
            found = merged.delayed(found, Instant(now + RELEASE), keeps)
        elif former is not None and former.ended and not was_merged(former):  # its end may be told again
            found = merged.delayed(found, Instant(now + RELEASE))
        deliveries = self._offer(found, folded.thread)
        self.spared.note(alarm.customer_id, deliveries)
        after = with_deliveries(folded, *deliveries)
        if former is not None and former.alarm.alarm_id != alarm.alarm_id:
            await self._keep(former)
        if after.ended and not worth_keeping(after):
            await self._drop(alarm.alarm_id, incident)
        else:
            await self._keep(after)
        if after.ended:
            await self._after_end(after, now)
        else:
            self._index_others(after)
        return deliveries

    async def act(self, action: Action, now: Instant) -> Alarm | None:
        """Store what a person did; returns its record for `alarms`, of acknowledgements only the first."""
        incident = self._merged.newest(action.alarm_id)
        if incident is None:
            raise ActionRejected(
                f"there is no alarm {action.alarm_id!r}; take the id from the message or from alarms tail"
            )
        action = msgspec.structs.replace(action, alarm_id=incident.alarm.alarm_id)
        done = next((entry for entry in incident.audit if entry.action.same_as(action)), None)
        if done is None:
            action = msgspec.structs.replace(action, time=min(action.time or now, now))
            after = apply_action(incident, action, now)
            await self._keep(after)
        else:
            action, after = done.action, incident
        change = CHANGES.get(action.action)
        if change is None or (action.action == "ack" and done is None and incident.acked_by is not None):
            return None
        record = action_record(after, action, change, done.done_at if done is not None else action.time or now)
        # an action that is read again is published again, unless its record came back: a kill may have come between
        return None if done is not None and change_of(record) in incident.seen else record

    async def tick(self, now: Instant) -> list[Alarm]:
        """Send the reminders that are due; returns escalations for `alarms`, which come back through `take`."""
        escalations = []
        while self._follow_ups and self._follow_ups[0][0] <= now:
            incident = self.store.get(heapq.heappop(self._follow_ups)[1])
            follow_up = self._follow_up(incident) if incident else None
            if incident is None or follow_up is None or follow_up.due > now:
                continue  # replaced by a later entry
            if follow_up.what != "escalate":
                await self._remind(incident, follow_up, now)
            elif self._escalated.get(incident.alarm.alarm_id) != incident.escalations:
                self._escalated[incident.alarm.alarm_id] = incident.escalations
                escalations.append(escalated(incident, follow_up.due))
        return escalations

    async def deliver(self, channel: str, now: Instant) -> Instant | None:
        """Try the oldest notification that is due for the channel; returns when to call again."""
        step = await self.queues[channel].step(now)
        await self._save(step.deliveries)
        return step.again

    async def forget(self, customer_id: str, at: Instant, event_id: str, now: Instant) -> None:
        """Delete the customer's incidents and the deliveries that wait, and drop older alarms that are read later.

        Alarms and erasures are on different topics, so an alarm from before the erasure may be read after it. An erasure that is
        read again deletes nothing of a customer who came back since.
        """
        before, erased = erasure.find_marker(customer_id, self.store, self.hashes), set(self.hashes.all(event_id))
        again = before is not None and not erased.isdisjoint(before.alarm.cause)
        key = erasure.KEY_PREFIX + self.hashes.of(customer_id)
        after = erasure.marker(key, at, self.hashes.of(event_id), now, before)
        await self.store.put(key, after)
        await self.worklists.drop(customer_id)
        self.spared.forget(customer_id)
        for alarm_id in sorted(self._by_customer.pop(customer_id, ())):
            incident = self.store.get(alarm_id)
            if again and incident is not None and not erasure.covers(after, incident.alarm, self.hashes):
                self._by_customer.setdefault(customer_id, set()).add(alarm_id)
            else:
                for former in self._merged.formers(incident):
                    await self._drop(former.alarm.alarm_id, former)
                await self._drop(alarm_id, incident)

    async def purge(self, now: Instant) -> int:
        """Delete the ended incidents whose time is over; returns how many were deleted."""
        purged = list(self.retention.due(now))
        for alarm_id in purged:
            await self._drop(alarm_id, self.store.get(alarm_id))
        return len(purged)

    def explain(self, alarm: Alarm, now: Instant) -> list[str]:
        """Where a change would go, and why or why not."""
        incident = self.store.get(alarm.alarm_id)
        if incident is not None and change_of(alarm) in incident.seen:
            return ["seen before: changes nothing"]
        if incident is not None and alarm.type in ENDINGS:
            incident = with_deliveries(incident, *self._superseded(incident, now))
        return explain(alarm, now, self.context, incident)

    async def run(
        self, clock: Callable[[], Instant], publish: Callable[[Alarm], Awaitable[None]], stop: asyncio.Event
    ) -> None:
        """Deliver, remind and escalate until stopped; an attempt in progress is completed."""
        await run_until(self, clock, publish, stop)

    @property
    def next_follow_up(self) -> Instant | None:
        """When `tick` may have something to do."""
        return self._follow_ups[0][0] if self._follow_ups else None

    async def _remind(self, incident: Incident, follow_up: FollowUp, now: Instant) -> None:
        current = after_snooze(incident) if follow_up.what == "wake" else incident
        found = decide(candidate(incident.alarm, current, now, self.context, follow_up.due))
        deliveries = self._offer(found, incident.thread)
        after = with_deliveries(current, *deliveries)
        if follow_up.what == "remind":
            after = msgspec.structs.replace(after, reminders=incident.reminders + 1)
        while (missed := next_follow_up(after, self.routes)) and missed.what == "remind" and missed.due <= now:
            after = msgspec.structs.replace(after, reminders=after.reminders + 1)  # one replaces all that were missed
        await self._keep(after)

    async def _after_end(self, ended: Incident, now: Instant) -> None:
        """Go on with the others of an ended alarm's matter, and decide again about those that it held back."""
        after = self._merged.after(ended.alarm.alarm_id) if was_merged(ended) else None
        if after is not None:
            await self._keep(merged.take_over(after, ended, self._keeps_state, now))
        elif (to := threads.successor(self._thread(ended.alarm))) is not None:
            await self._keep(threads.hand_over(ended, to, now))
        if ended.alarm.customer_id is not None:
            await self._release(ended.alarm.customer_id, now)

    async def _release(self, customer_id: str, now: Instant) -> None:
        """Decide again about open incidents of the customer that were inhibited, or told with another that was not sent after all."""
        for incident in list(self._open_incidents(customer_id)):
            if incident.notified() or not incident.deliveries or incident.deliveries[-1].rule not in HELD_BACK:
                continue
            deliveries = decide(candidate(incident.alarm, incident, now, self.context, incident.raised_at))
            delayed = merged.delayed(deliveries, Instant(now + RELEASE))
            await self._keep(with_deliveries(incident, *self._offer(delayed, incident.thread)))

    def _keeps_state(self, channel: str) -> bool:
        return channel in self.routes.channels and self.routes.channels[channel].tell_actions

    def _withdraw(self, incident: Incident, now: Instant, rule: str = "ended_first") -> Incident:
        superseded = self._superseded(incident, now, rule)
        for delivery in superseded:
            self.queues[delivery.channel].withdraw(delivery)
        return with_deliveries(incident, *superseded)

    def _superseded(self, incident: Incident, now: Instant, rule: str = "ended_first") -> list[Delivery]:
        """The deliveries that wait, were never tried, and are of an alarm that is over."""
        return [
            msgspec.structs.replace(delivery, state="stopped", rule=rule, done=now, alarm=None)
            for delivery in waiting(incident.deliveries)
            if delivery.channel in self.queues and self.queues[delivery.channel].untried(delivery)
        ]

    def _offer(self, deliveries: Iterable[Delivery], thread: str) -> tuple[Delivery, ...]:
        offered = []
        for delivery in (msgspec.structs.replace(one, thread=thread) if thread else one for one in deliveries):
            self._hourly.count(delivery)
            offered.append(self.queues[delivery.channel].offer(delivery) if delivery.state == "waiting" else delivery)
        return tuple(offered)

    def _is_erased(self, alarm: Alarm) -> bool:
        """Whether the alarm is older than the erasure of its customer, or was ended by it."""
        marker = erasure.find_marker(alarm.customer_id, self.store, self.hashes)
        return marker is not None and erasure.covers(marker, alarm, self.hashes)

    async def _drop(self, alarm_id: str, incident: Incident | None) -> None:
        """Delete the incident and its deliveries that wait."""
        if incident is None:
            return
        for delivery in waiting(incident.deliveries):
            if delivery.channel in self.queues:
                self.queues[delivery.channel].withdraw(delivery, even_tried=True)
        self.retention.forget(alarm_id)
        customer = incident.alarm.customer_id
        if customer is not None and (own := self._by_customer.get(customer)) is not None:
            own.discard(alarm_id)
            if not own:
                del self._by_customer[customer]
        self._escalated.pop(alarm_id, None)
        self._merged.forget(incident)
        self.standing.forget(alarm_id)
        await self.store.put(alarm_id, None)

    async def _save(self, deliveries: Iterable[Delivery]) -> None:
        """Store these deliveries in their incidents, many at a time, as a digest may have very many."""
        left = list(deliveries)
        for start in range(0, len(left), SAVED_AT_ONCE):
            await asyncio.gather(*map(self._save_one, left[start : start + SAVED_AT_ONCE]))
            failpoint("recorded")

    async def _save_one(self, delivery: Delivery) -> None:
        incident = self.store.get(delivery.alarm_id)
        if incident is not None:
            await self._keep(with_deliveries(incident, delivery))

    async def _keep(self, incident: Incident) -> None:
        self._index(incident)
        self.retention.note(incident)
        await self.store.put(incident.alarm.alarm_id, incident)

    def _index(self, incident: Incident) -> None:
        alarm = incident.alarm
        self.standing.note(incident)
        self._merged.note(incident)
        if alarm.customer_id is not None:
            self._by_customer.setdefault(alarm.customer_id, set()).add(alarm.alarm_id)
        if follow_up := self._follow_up(incident):
            heapq.heappush(self._follow_ups, (follow_up.due, alarm.alarm_id))
            self.planned.set()
        if incident.ended:
            self._escalated.pop(alarm.alarm_id, None)

    def _index_others(self, incident: Incident) -> None:
        """A deadline may have passed for the others of its matter, or another message may speak for them now."""
        for other in self._thread(incident.alarm):
            self._index(other)

    def _follow_up(self, incident: Incident) -> FollowUp | None:
        thread = self._thread(incident.alarm)
        return None if threads.is_covered(incident, thread) else next_follow_up(incident, self.routes, thread)

    def _name_of(self, customer_id: str) -> str:
        return next((one.alarm.name for one in self._incidents_of(customer_id) if one.alarm.name), "")

    def _incidents_of(self, customer_id: str) -> list[Incident]:
        ids = sorted(self._by_customer.get(customer_id, ()))
        return [incident for one in ids if (incident := self.store.get(one)) is not None]

    def _open_incidents(self, customer_id: str) -> Iterable[Incident]:
        return [incident for incident in self._incidents_of(customer_id) if not incident.ended]

    def _find_thread(self, alarm: Alarm) -> str:
        return threads.find_thread(alarm, self._incidents_of(alarm.customer_id)) if alarm.customer_id else ""

    def _thread(self, alarm: Alarm) -> list[Incident]:
        """The other incidents of the alarm's matter, and the one that goes on from it."""
        further = [one for one in (self._merged.after(alarm.alarm_id),) if one is not None]
        if alarm.customer_id is None or not threads.matter_of(alarm):
            return further
        others = [one for one in self._incidents_of(alarm.customer_id) if one.alarm.alarm_id != alarm.alarm_id]
        others += further
        own = self.store.get(alarm.alarm_id)
        thread = threads.thread_of(own) if own is not None else threads.find_thread(alarm, others)
        return [one for one in others if threads.thread_of(one) == thread]
