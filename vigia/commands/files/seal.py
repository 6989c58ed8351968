"""`vigia seal`: make the keys that sign what is in force."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument

from streams.records.signing import new_keys
from vigia.runtime.privacy.secret_file import write_secret
from vigia.runtime.usage_error import UsageError

PUBLIC = "trust"

app = typer.Typer(help="Make the keys that sign control records and models.", no_args_is_help=True)


@app.callback()
def seal() -> None:
    """Make the keys that sign control records and models."""


@app.command()
def new(
    folder: Annotated[Path, Argument(metavar="DIR", help="The folder to write to; it is created if missing.")],
) -> None:
    """Make a key for each role, so that no process can sign the records of another.

    Writes clock.key, trainer.key and worker.key, which only their user may read, and trust, which is public. Give each
    process VIGIA_SEAL_FILE with its own key and VIGIA_SEAL_TRUST_FILE with trust.
    """
    secret, public = new_keys()
    folder.mkdir(parents=True, exist_ok=True)
    files = {folder / f"{role}.key": text for role, text in secret.items()} | {folder / PUBLIC: public}
    if there := [str(path) for path in files if path.exists()]:
        raise UsageError(
            f"{there[0]} exists already: name another folder, and keep the old keys until all have the new ones"
        )
    for path, text in files.items():
        write_secret(path, text)
    (folder / PUBLIC).chmod(0o644)
    typer.echo(f"{', '.join(path.name for path in files)} -> {folder}")
