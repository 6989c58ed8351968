"""The one law, read off the source: the core is pure, the shells never meet, and the text names no machine.

Everything here looks at syntax trees and tracked text; nothing is imported, so a broken module still has its offences
named.
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("scorers", "streams", "alerts", "vigia")

# room -> what it may not import; a package stands for everything below it
BANNED = {
    "scorers": (
        *("streams", "alerts", "vigia"),
        *("faust", "mode", "aiokafka", "rocksdict", "redis", "aiohttp", "aiosmtplib", "jinja2"),
        *("prometheus_client", "structlog", "rich", "typer", "xlsxwriter", "standardwebhooks"),
        *("time", "logging", "socket", "os", "pathlib", "io", "shutil", "tempfile", "subprocess", "urllib", "http"),
        *("asyncio", "threading", "multiprocessing", "secrets", "uuid"),
    ),
    "streams": ("alerts", "vigia.cli"),
    "alerts": ("streams", "vigia.cli"),
    "vigia": ("vigia.cli",),
}
# calls that ask the world, whatever was imported
IMPURE = {"open", "print", "input", "exec", "eval", "__import__"}
CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")}

# The patterns are spelt so that they do not match themselves.
FOREIGN = {
    "registry host": r"(?:pypi|pythonhosted|npmjs|crates|anaconda|maven|apache)\.(?:org|io|com)/(?:simple|packages|maven2)"
    r"|\b(?:pypi|pythonhosted|npmjs|anaconda)[.](?:org|com)\b|\bproxy[.]golang|\brepo1?[.]maven|\bcrates[.]io\b",
    "machine path": r"(?<![\w.*$})-])/(?:work|root|tmp|opt/wheels|home/\w+|Users/\w+)(?![\w.-])",
    "workplace": r"\bPIP_FIND_LINKS\b|[.]pyenv\b|\blocalhost[.]localdomain\b",
}
# in a container these paths belong to the image, not to somebody's machine
CONTAINER = re.compile(r"(?<!\w)/(?:tmp|root)\b")


def imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Every module that a source names in an import, with relative ones written out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*parents, *filter(None, [node.module])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def calls(tree: ast.AST) -> Iterator[str]:
    """Every call by which a source would reach out of itself."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in IMPURE:
                yield f"{name}()"
            case ast.Attribute(value=ast.Name(id=owner) | ast.Attribute(attr=owner), attr=name):
                if (owner, name) in CLOCKS:
                    yield f"{owner}.{name}"


def offences(path: str, source: str) -> list[str]:
    """What in one file of a room breaks the law."""
    room, tree = path.split("/")[0], ast.parse(source)
    package = ".".join(Path(path).parent.parts)
    own = ("vigia/cli", "vigia/__main__")  # the command line may be cut into files, and start itself
    banned = () if path.startswith(own) else BANNED[room]
    found = [name for name in imports(tree, package) if any(f"{name}.".startswith(f"{ban}.") for ban in banned)]
    return sorted({*found, *(calls(tree) if room == "scorers" else ())})


def foreign(path: str, text: str) -> list[str]:
    """What in one tracked file belongs to a machine, a registry or a workplace."""
    if path.startswith("deploy/"):
        text = CONTAINER.sub("", text)
    return [f"{what}: {hit[0]}" for what, pattern in FOREIGN.items() for hit in re.finditer(pattern, text)]


def tracked() -> list[str]:
    """The files that a clone would have, and those about to be added."""
    listing = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"]
    done = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
    return sorted(name for name in done.stdout.split("\0") if name and (ROOT / name).is_file())


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_keeps_the_law(room: str) -> None:
    """No file imports or calls what its room may not."""
    sources = sorted((ROOT / room).rglob("*.py"))
    assert sources
    found = {p.relative_to(ROOT).as_posix(): offences(p.relative_to(ROOT).as_posix(), p.read_text()) for p in sources}
    assert {path: what for path, what in found.items() if what} == {}


@pytest.mark.parametrize(
    ("path", "source", "offence"),
    [
        ("scorers/risk/model.py", "import faust.app", "faust.app"),
        ("scorers/risk/model.py", "def f():\n    from time import time", "time.time"),
        ("scorers/risk/model.py", "from vigia import topics", "vigia.topics"),
        ("scorers/risk/model.py", "from ...streams import chunks", "streams.chunks"),
        ("scorers/risk/model.py", "text = open('x').read()", "open()"),
        ("scorers/risk/model.py", "import datetime\nx = datetime.datetime.now(None)", "datetime.now"),
        ("scorers/risk/model.py", "from datetime import date\nclock = date.today", "date.today"),
        (
            "streams/worker/worker.py",
            "from alerts.pipeline.dispatch import deliver",
            "alerts.pipeline.dispatch.deliver",
        ),
        ("alerts/channels/mail.py", "from streams import worker", "streams.worker"),
        ("alerts/pipeline/notifier.py", "from vigia import cli", "vigia.cli"),
        ("vigia/runtime/settings.py", "from ..cli import main", "vigia.cli.main"),
    ],
)
def test_an_offence_is_seen(path: str, source: str, offence: str) -> None:
    """The walk finds imports inside functions, relative ones, and names that are only passed on."""
    assert offences(path, source) == [offence]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("scorers/risk/model.py", "import timeit_like\nfrom scorers.contract.events import DAY\nfrom . import tiers"),
        ("scorers/risk/model.py", "from datetime import datetime\nx = datetime.fromtimestamp"),
        ("streams/worker/worker.py", "import time\nfrom scorers import monitor\nfrom vigia import settings"),
        ("vigia/cli.py", "from vigia import cli_text\nfrom alerts import app\nfrom streams import app as streams"),
        ("vigia/__main__.py", "from vigia.cli import main"),
    ],
)
def test_what_is_allowed_is_left_alone(path: str, source: str) -> None:
    """Names that merely begin alike, and the imports that each room lives by, are no offence."""
    assert offences(path, source) == []


def test_the_text_names_no_machine() -> None:
    """No tracked file holds a registry's host, somebody's path or a setting of somebody's workplace."""
    found = {}
    for path in tracked():
        try:
            found[path] = foreign(path, (ROOT / path).read_text())
        except UnicodeDecodeError:
            continue  # a picture or an archive
    assert len(found) > 10
    assert {path: what for path, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "text",
    [
        "see https://py" + "pi.org/project/x",
        "--index-url https://mirror.py" + "pi.org/simple",
        "files.python" + "hosted.org",
        "registry.npm" + "js.org",
        "https://repo1.ma" + "ven.org/maven2",
        "cd /r" + "oot/x",
        "open('/tm" + "p/x')",
        "/wo" + "rk/main",
        "/home/" + "ana/x",
    ],
)
def test_a_foreign_name_is_seen(text: str) -> None:
    """Hosts and paths are found wherever they stand in a line."""
    assert len(foreign("docs/x.md", text)) == 1


@pytest.mark.parametrize("text", ["out/tm" + "p/x", "a/wo" + "rk/b", "$HOME/wo" + "rk", "/roo" + "ts", "/wo" + "rker"])
def test_a_path_of_the_project_is_not_foreign(text: str) -> None:
    """Only absolute paths of a machine count."""
    assert foreign("docs/x.md", text) == []
