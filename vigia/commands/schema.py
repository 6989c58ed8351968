"""`vigia schema`: the wire contract for those who do not read Python."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from vigia.schema import write_schemas


def schema(
    out: Annotated[Path, Option(metavar="DIR", help="The folder to write into; it is made if need be.")],
) -> None:
    """Write a JSON Schema for every type of event and alarm, and one AsyncAPI document."""
    written = write_schemas(out)
    typer.echo(f"{len(written)} files -> {out}")
