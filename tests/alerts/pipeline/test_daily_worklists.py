"""The worklist goes once a day to people, as a part of the digest."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alerts.channels.log import line
from alerts.channels.webhook import body
from alerts.pipeline.routes import read
from alerts.pipeline.worklists.daily import KEY_PREFIX
from alerts.settings.toml import BadSetting
from scorers.contract.alarms import Reason
from scorers.contract.events import SECOND, Instant
from scorers.contract.wire import decode_alarm
from scorers.contract.worklist import WorklistEntry
from scorers.policy.tables import Policy
from streams.replay.replay import replay
from tests.support.paths import ROOT
from tests.support.routefiles import PLAIN
from tests.support.timeline import Story, alarm, at

SHIPPED = (ROOT / "deploy" / "routes.toml").read_text()
MIDNIGHT = at(0, days=1)
NINE = at(9, days=1)
SILENT: dict[str, int | float | str] = {"silent": 22, "closed": 0, "last": "2023-12-10", "usual": 4.0}
WHY = Reason("silence", 0.4, "No purchase for 22 days.", "silence_usual", SILENT)


def entry(customer: str = "C1", rank: int = 1, **changed: Any) -> WorklistEntry:
    """A funded entry of the list of Monday, 1 January 2024."""
    fields: dict[str, Any] = {
        "date": "2024-01-01",
        "at": Instant(MIDNIGHT - SECOND),
        "rank": rank,
        "customer_id": customer,
        "risk": 0.42,
        "horizon_days": 90.0,
        "worth_minor": 64000,
        "expected_loss_minor": 26880,
        "save_chance": 0.2,
        "cost_minor": 500,
        "net_minor": 4876,
        "currency": "EUR",
        "stage": "core_customer",
        "tier": "gold",
        "reasons": (WHY,),
        "treatment": "help",
        "alarms": (),
        "funded": True,
        "held_out": False,
        "final": False,
        "listed": 9,
        "not_listed": 4,
    }
    return WorklistEntry(**(fields | changed))


async def taken(*entries: WorklistEntry, routes: str = SHIPPED) -> Story:
    """The entries are read five minutes after midnight."""
    story = Story(routes)
    await story.push(alarm("a1", "gone-quiet", at(12), name="Ana Ruiz", tier="iron", severity="info"))
    await story.until(at(0.1, days=1))
    await story.dispatcher.worklists.take(entries, story.now)
    return story


async def test_a_list_of_history_does_not_go() -> None:
    """It is of a time before the business wants alarms."""
    story = await taken(entry("C1", 1, history=True), entry("C2", 2, history=True))
    await story.until(at(23, days=1))
    (message,) = story.sinks["log"].taken
    assert message.message.title == "Ana Ruiz (iron) has gone quiet"


async def test_the_list_goes_with_the_digest_of_the_morning() -> None:
    """One message: the funded by rank with names, reasons and what to do, the rest counted, then the alarms."""
    story = await taken(entry("C2", 2), entry("C1", 1), entry("C3", 3, funded=False), entry("C4", 4, held_out=True))
    await story.until(at(23, days=1))
    (message,) = story.sinks["log"].taken
    assert message.sent_at == NINE
    assert message.message.title == "Worklist of 1 January: Ana Ruiz (gold), C2 (gold); 1 alarm: Ana Ruiz (iron)"
    assert [one.text for one in message.message.lines][:3] == [
        "1. Ana Ruiz (gold): expected loss EUR 268.80 (42% of EUR 640.00). No purchase for 22 days. "
        "Help: call, ask what is needed, and follow up until it works.",
        "2. C2 (gold): expected loss EUR 268.80 (42% of EUR 640.00). No purchase for 22 days. "
        "Help: call, ask what is needed, and follow up until it works.",
        "and 11 more for whom an effort would pay, beyond today's capacity or budget",
    ]
    assert len(message.message.lines) == 4
    assert line(message, names=False).endswith("worklist/2024-01-01/2 gone-quiet/info/a1")
    hook = json.loads(body(message))
    assert [one["customer_id"] for one in hook["data"]["worklist"]] == ["C1", "C2"]


async def test_a_list_is_sent_once_whatever_comes_later() -> None:
    """The final edition replaces the early one while that waits; after it was sent nothing more goes, also after a restart."""
    story = await taken(entry("C1"), entry("C2", 2))
    story = await story.restarted()
    await story.dispatcher.worklists.take([entry("C2", 1, final=True)], story.now)
    await story.until(at(10, days=1))
    story = await story.restarted()
    await story.dispatcher.worklists.take([entry("C5", 1, final=True)], story.now)
    await story.until(at(0, days=4))
    (message,) = story.sinks["log"].taken
    assert [one.entry.customer_id for one in message.listed] == ["C2"]
    stored = story.store.incidents[f"{KEY_PREFIX}2024-01-01"]
    assert b"C2" not in msgspec.json.encode(stored.deliveries, enc_hook=int), (
        "nothing of a customer is kept once it is sent"
    )


async def test_who_is_erased_or_taken_off_is_on_no_list() -> None:
    """Of the early edition of a date, or of all; a list of nobody is not sent."""
    for off in ("date", "erased"):
        story = await taken(entry("C8"), entry("C9", 2))
        if off == "date":
            await story.dispatcher.worklists.drop("C9", "2024-01-01")
        else:
            await story.dispatcher.forget("C9", story.now, "e1", story.now)
        story = await story.restarted()
        await story.until(at(10, days=1))
        assert [one.entry.customer_id for one in story.sinks["log"].taken[-1].listed] == ["C8"]
    story = await taken(entry("C9"))
    await story.dispatcher.worklists.drop("C9")
    await story.until(at(10, days=1))
    assert [one.listed for one in story.sinks["log"].taken] == [()]
    story = await taken(entry("C9"))
    await story.dispatcher.worklists.drop("C9")
    await story.dispatcher.worklists.take([entry("C8")], story.now)
    await story.until(at(10, days=1))
    assert [one.entry.customer_id for one in story.sinks["log"].taken[-1].listed] == ["C8"]


async def test_an_old_list_is_not_sent() -> None:
    """A notifier that reads the lists of a year sends none of them; nor does one that shall not."""
    story = Story(SHIPPED)
    await story.until(at(0, days=5))
    await story.dispatcher.worklists.take([entry()], story.now)
    await story.until(at(0, days=9))
    assert story.sinks["log"].taken == []
    off = await taken(entry(), routes=SHIPPED.replace("[worklist]", "[worklist]\nsend = false"))
    await off.until(at(23, days=1))
    assert [one.listed for one in off.sinks["log"].taken] == [()]


async def test_without_a_table_it_goes_to_the_channels_of_the_last_route() -> None:
    """At nine, so that a file of one's own needs nothing; a mistake in the table names its place."""
    story = await taken(entry(), routes=PLAIN)
    await story.until(at(23, days=1))
    assert (story.sinks["desk"].taken[-1].sent_at, len(story.sinks["desk"].taken[-1].listed)) == (NINE, 1)
    with pytest.raises(BadSetting, match=r"worklist\.to: 'dsk' is not known; did you mean 'desk'\?"):
        read(f'{PLAIN}[worklist]\nto = ["dsk"]\n')


async def test_the_example_of_the_readme_reaches_a_person(tmp_path: Path) -> None:
    """A shop of one customer, who is iron: the shipped routes tell of the complaint and of the silence in the daily digest."""
    readme = (ROOT / "README.md").read_text()
    events = readme.split("<<'END'\n")[1].split("END\n")[0]
    tick = '{"id": "9", "source": "till", "type": "purchase.completed", "time": "2024-04-09T09:30:00Z", "customer_id": "bea", '
    (tmp_path / "shop.jsonl").write_text(events + tick + '"amount_minor": 100, "currency": "EUR"}\n')
    replay([str(tmp_path / "shop.jsonl")], tmp_path / "out", Policy())
    story = Story(SHIPPED)
    for raw in (tmp_path / "out" / "alarms.jsonl").read_bytes().splitlines():
        one = decode_alarm(raw)
        await story.push(one, now=max(story.now, one.time))  # type: ignore[arg-type, union-attr]
    await story.until(Instant(story.now + 2 * 86_400 * SECOND))
    told = {one.kind for message in story.sinks["log"].taken for one in message.alarms}
    assert {"small-mishap", "complaint-overdue"} <= told
    assert told & {"risk-rising", "gone-quiet"}, "the silence, by whichever is the first of its matter"
