"""`vigia report`: one HTML page about the base, from the folder of a replay."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from vigia.commands.shared import arguments
from vigia.report.figures import read_figures
from vigia.report.page import page
from vigia.report.words import LANGUAGES
from vigia.runtime.usage_error import UsageError


def report(
    folder: Annotated[
        Path, Argument(metavar="[DIR]", help="The folder of a 'vigia replay'; this one if left out.")
    ] = Path(),
    out: Annotated[Path, Option(metavar="FILE", help="The page to write, as .html.")] = Path("report.html"),
    language: Annotated[str, Option(metavar="CODE", help="The language: en or es.")] = "en",
) -> None:
    """Write one HTML page with pictures of the base: stages, tiers, loyalty, the moments of leaving, themes and outflow.

    Each picture has a sentence that says what it shows and what to do. The page needs no server and loads nothing.
    """
    arguments.known("--language", [language], sorted(LANGUAGES))
    if not (folder / "customers.jsonl").is_file() or not (folder / "summary.json").is_file():
        raise UsageError(f"{folder}: not the folder of a replay; run vigia replay EVENTS... --out {folder} first")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page(read_figures(folder), language), encoding="utf-8")
    typer.echo(f"{folder} -> {out}")
