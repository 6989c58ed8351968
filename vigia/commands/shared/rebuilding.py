"""`vigia import --rebuild`: from the command line to the room that rebuilds."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import typer

from scorers.contract.events import Instant
from streams.gateway.intake import Fact
from streams.records.signing import keyring
from vigia.commands.shared.kafka import broker
from vigia.commands.shared.seals import with_keys
from vigia.growth.crossing import Crossing
from vigia.growth.rebuild import Rebuilding
from vigia.runtime import settings
from vigia.runtime.usage_error import UsageError


async def rebuild(
    history: Iterator[Fact], what: str, kafka: str, prefix: str, to: str | None, before: Instant, folder: Path
) -> None:
    """Build, forward or cut over, whichever is next, and say so; alarms of before an instant are history, by default of before now.

    `what` names the files and their map.
    """
    to = f"{prefix}rebuilt-" if to is None else to
    if to == prefix:
        raise UsageError("--to: the new topics need another prefix than the former ones")
    old, new = broker(kafka, prefix, "import --rebuild"), broker(kafka, to, "import --rebuild")
    config = with_keys(settings.read(os.environ), old)
    keys, now = keyring(config.seal, config.seal_trust).require("clock"), Instant(time.time_ns() // 1000)
    async with Crossing(old, new, config.partitions, config.partitions) as crossing:
        work = Rebuilding(crossing, config, keys, typer.echo)
        dated = ((int(fact.event.time), fact) for fact in history)
        await work.run(dated, f"{what} {int(before)}", before or now, now, folder)
