"""N5: a burst of alarms through a notifier process, counted at a real webhook and a real mail server."""

import signal
from pathlib import Path

from tests.support.burst import Chain, Receivers, burst
from vigia.lab.embedded_kafka import EmbeddedKafka
from vigia.runtime.broker import Broker

ALARMS, ALONE, PLACES = 600, 8, 100


async def test_receivers_are_told_of_every_alarm_of_a_burst_in_few_messages(tmp_path: Path) -> None:
    """Some go alone, the others with the digest of the hour, those beyond the queue are counted there; a grave one goes alone."""
    with EmbeddedKafka() as kafka:
        kafka.create("alarms", "alarm-actions", "feedback", "worklist", "notifications", "dead-letters")
        async with Receivers().open(f"per_hour = {ALONE}\nqueue = {PLACES}") as receivers:
            chain = Chain(Broker(kafka.address), receivers, tmp_path)
            async with chain.running() as notifier:
                await burst(chain, ALARMS, ALONE)
                assert await notifier.end(signal.SIGTERM) == 0
            for channel, told in receivers.told.items():
                assert sum(told) == ALARMS + 1, (channel, told)
                assert len(told) <= 2 * ALONE + 5, f"{channel}: an hour may end within the burst: {told}"
                assert "worst" in receivers.at[channel]
            assert await chain.states() == {"sent": 2 * (ALARMS + 1)}
