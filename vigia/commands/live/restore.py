"""`vigia restore`: bring a backup back onto Kafka."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from vigia.commands.shared.kafka import KAFKA, Kafka, Prefix, broker, run_once
from vigia.operations.backup import restore as bring_back
from vigia.operations.backup_file import POLICY, opened
from vigia.runtime import settings
from vigia.runtime.usage_error import UsageError


def restore(
    file: Annotated[Path, Argument(metavar="FILE", help="The file that 'vigia backup' wrote.")],
    policy_out: Annotated[
        Path | None, Option("--policy-out", metavar="FILE", help="Write the policy of the backup to this file.")
    ] = None,
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
) -> None:
    """Restore a backup after the changelog or the whole broker was lost, while no process of Vigía runs.

    Creates missing topics, fills those that are empty, and sets where the inputs go on; then prints what is lost and what to do.
    """
    where, config = broker(kafka, prefix, "restore"), settings.read(os.environ)
    with opened(file) as (manifest, folder):
        if manifest.prefix != prefix:
            raise UsageError(f"{file}: made with --prefix {manifest.prefix!r}; give the same, rows name their topics")
        if manifest.partitions != config.partitions:
            raise UsageError(f"{file}: made with VIGIA_PARTITIONS={manifest.partitions}; set the same")
        if policy_out is not None and (folder / POLICY).exists():
            policy_out.write_bytes((folder / POLICY).read_bytes())

        async def work() -> None:
            began = time.monotonic()
            for line in await bring_back(where, manifest, folder, config.replicas):
                typer.echo(line)
            typer.echo(f"restored in {time.monotonic() - began:.1f} s", err=True)

        run_once(work(), kafka)
