"""The settings files that ship with Vigía: beside the package in a wheel, under deploy/ in a checkout."""

from importlib.resources import files
from pathlib import Path


def text(name: str) -> str:
    """The file of this name, comments and all."""
    packed = files("vigia") / "defaults" / name
    here = packed if packed.is_file() else Path(__file__).parents[2] / "deploy" / name
    return here.read_text(encoding="utf-8")
