"""`vigia schema`: the wire contract as JSON Schema, AsyncAPI and OpenAPI."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Option


def schema(
    out: Annotated[Path, Option(metavar="DIR", help="The folder to write to; it is created if missing.")],
) -> None:
    """Write a JSON Schema for every type of event and alarm, one AsyncAPI document, and the OpenAPI document of the gateway."""
    from vigia.openapi import document  # these imports take half a second
    from vigia.schema import write_schemas

    written = [*write_schemas(out), out / "openapi.json"]
    written[-1].write_bytes(document())
    typer.echo(f"{len(written)} files -> {out}")
