"""`vigia schema`: the wire contract for those who do not read Python."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Option


def schema(
    out: Annotated[Path, Option(metavar="DIR", help="The folder to write into; it is made if need be.")],
) -> None:
    """Write a JSON Schema for every type of event and alarm, and one AsyncAPI document."""
    from vigia.schema import write_schemas  # half a second of imports that no other command needs

    written = write_schemas(out)
    typer.echo(f"{len(written)} files -> {out}")
