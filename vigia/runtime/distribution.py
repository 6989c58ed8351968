"""What pip installs: the distribution's name (on PyPI, `vigia` is another project), and the files shipped with it."""

from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

NAME = "vigia-lookout"


def release() -> str:
    """The version that is installed; `unknown` in a checkout that was never installed."""
    try:
        return version(NAME)
    except PackageNotFoundError:
        return "unknown"


def install(*extras: str) -> str:
    """The command that installs the packages of extras, for error messages.

    >>> install("demo")
    "pip install 'vigia-lookout[demo]'"
    """
    return f"pip install '{NAME}[{','.join(extras)}]'"


def shipped_text(name: str) -> str:
    """The text of the default policy or routes: inside the package in a wheel, in deploy/ in a checkout."""
    packed = files("vigia") / "defaults" / name
    here = packed if packed.is_file() else Path(__file__).parents[2] / "deploy" / name
    return here.read_text(encoding="utf-8")
