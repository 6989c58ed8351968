"""`vigia backup`: write what cannot be computed again to one file."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from vigia.commands.shared import arguments
from vigia.commands.shared.kafka import KAFKA, Kafka, Prefix, broker, run_once
from vigia.commands.shared.options import PolicyFile
from vigia.operations.backup import back_up, summary
from vigia.operations.backup_file import opened
from vigia.runtime import settings
from vigia.runtime.privacy.keyed_hash import keyed_hash
from vigia.runtime.usage_error import UsageError


def backup(
    out: Annotated[Path | None, Option("--out", metavar="FILE", help="The file to write, like vigia.tar.gz.")] = None,
    check: Annotated[
        Path | None, Option("--check", metavar="FILE", help="Check an existing file instead, and print its content.")
    ] = None,
    policy: PolicyFile = None,
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
) -> None:
    """Back up rows, models, incidents and the policy to one file, while the system runs; or check such a file.

    Keys are not in the file: keep VIGIA_PRIVACY_KEY (or privacy.key) and the keys that sign apart. The file holds personal data.
    """
    if (out is None) == (check is None):
        raise UsageError("give either --out FILE, to write a backup, or --check FILE, to check one")
    if check is not None:
        with opened(check) as (manifest, _):
            typer.echo("\n".join(summary(manifest)))
        return
    assert out is not None
    where, config, text = broker(kafka, prefix, "backup"), settings.read(os.environ), arguments.policy_text(policy)
    keys = {"VIGIA_PRIVACY_KEY": list(keyed_hash(config.privacy_key, config.state).names)}

    async def work() -> None:
        began = time.monotonic()
        made = await back_up(where, out, text, keys)
        typer.echo("\n".join(summary(made)))
        typer.echo(f"{out}: {out.stat().st_size >> 10} KiB in {time.monotonic() - began:.1f} s", err=True)

    run_once(work(), kafka)
