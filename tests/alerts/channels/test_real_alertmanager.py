"""The channel of Alertmanager against a real one: what it takes, keeps, forgets with a restart, and lets go."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from alerts.channels.alertmanager import Alertmanager, Settings
from alerts.pipeline.connect import connect
from alerts.settings.datetimes import as_instant
from scorers.contract.events import HOUR, SECOND, Instant
from tests.support.alertmanager import an_alertmanager, needs_alertmanager
from tests.support.receivers import HOSTILE, alarm, closing, notification
from vigia.lab.local_kafka import free_port

pytestmark = needs_alertmanager


async def firing(url: str) -> list[dict[str, Any]]:
    """The alerts that it holds for open."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/api/v2/alerts?active=true") as answer:
        assert answer.status == 200
        found: list[dict[str, Any]] = await answer.json()
        return sorted(found, key=lambda one: str(one["labels"]["alarm_id"]))


async def test_a_real_alertmanager_holds_an_alarm_from_its_first_message_to_its_end(tmp_path: Path) -> None:
    """One alert however often it is sent, also after a restart, which makes Alertmanager forget it; hostile texts; then the end."""
    port, now = free_port(), as_instant(datetime.now(UTC))
    at = Instant((now - HOUR) // SECOND * SECOND)
    one, other = (
        alarm(alarm_id="a1", at=at),
        alarm(alarm_id="a2", at=at, name=HOSTILE, store_id=HOSTILE, customer_id=HOSTILE),
    )
    settings = Settings(url=f"http://127.0.0.1:{port}", allow_hosts=("127.0.0.1",), timeout=60 * SECOND)  # type: ignore[arg-type]
    async with closing(connect("desk", settings, {})) as channel:
        assert isinstance(channel, Alertmanager)
        with an_alertmanager(tmp_path / "first", port) as url:
            await channel.send(notification(one))
            await channel.send(notification(other))
            await channel.repeat([one, other], now)
            first, second = await firing(url)
            assert (
                first["labels"] | {"alertname": "gone-quiet", "alarm_id": "a1", "customer_id": "C1"} == first["labels"]
            )
            assert "gone quiet" in first["annotations"]["summary"]
            assert datetime.fromisoformat(first["startsAt"]).timestamp() == at // SECOND
            assert not [text for text in second["labels"].values() if "\n" in text or "\x00" in text]
            await channel.send(notification())  # the test message of a channel ends at once
        with an_alertmanager(tmp_path / "second", port) as url:
            assert await firing(url) == []
            await channel.repeat([one, other], as_instant(datetime.now(UTC)))
            assert [each["labels"]["alarm_id"] for each in await firing(url)] == ["a1", "a2"]
            over = msgspec.structs.replace(one, type="alarm.settled", outcome="returned")
            await channel.send(notification(over))
            assert [each["labels"]["alarm_id"] for each in await firing(url)] == ["a2"]
