"""`vigia schema`: the wire contract as JSON Schema and AsyncAPI."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Option


def schema(
    out: Annotated[Path, Option(metavar="DIR", help="The folder to write to; it is created if missing.")],
) -> None:
    """Write a JSON Schema for every type of event and alarm, and one AsyncAPI document."""
    from vigia.schema import write_schemas  # these imports take half a second

    written = write_schemas(out)
    typer.echo(f"{len(written)} files -> {out}")
