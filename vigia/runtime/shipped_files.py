"""The default policy and routes: inside the package in a wheel, in deploy/ in a checkout."""

from importlib.resources import files
from pathlib import Path


def text(name: str) -> str:
    """Return the text of a file, with its comments."""
    packed = files("vigia") / "defaults" / name
    here = packed if packed.is_file() else Path(__file__).parents[2] / "deploy" / name
    return here.read_text(encoding="utf-8")
