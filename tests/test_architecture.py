"""The layout of the source: rooms import only downwards, nothing imports in a circle, the core is pure.

The checks read syntax trees and tracked text and import nothing of Vigía.
"""

import ast
import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

import pytest

from tests.support.imports import circles, graph, imports, module_of, room_of
from tests.support.paths import ROOT
from tests.support.rooms import ROOMS, WHOLE, may_import, page

PACKAGES = ("scorers", "streams", "alerts", "vigia")

# what the core may not import of libraries: nothing that does input or output, or reads a clock
IMPURE_LIBRARIES = (
    *("faust", "mode", "aiokafka", "rocksdict", "redis", "aiohttp", "aiosmtplib", "jinja2"),
    *("prometheus_client", "structlog", "rich", "typer", "xlsxwriter", "standardwebhooks"),
    *("time", "logging", "socket", "os", "pathlib", "io", "shutil", "tempfile", "subprocess", "urllib", "http"),
    *("asyncio", "threading", "multiprocessing", "secrets", "uuid"),
)
# Imports that the table of rooms forbids and that are still there, each with its reason. Only ever shorter.
TEMPORARY = {}
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


def calls(tree: ast.AST) -> Iterator[str]:
    """Every call by which a source would reach out of itself."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in IMPURE:
                yield f"{name}()"
            case ast.Attribute(value=ast.Name(id=owner) | ast.Attribute(attr=owner), attr=name):
                if (owner, name) in CLOCKS:
                    yield f"{owner}.{name}"


def impure(path: str, source: str) -> list[str]:
    """The imports and calls by which a file of the core would reach out of itself."""
    tree, package = ast.parse(source), ".".join(Path(path).parent.parts)
    found = [
        name
        for name in imports(tree, package)
        if any(f"{name}.".startswith(f"{library}.") for library in IMPURE_LIBRARIES)
    ]
    return sorted({*found, *calls(tree)})


def sources(*packages: str) -> dict[str, str]:
    """The text of every module of these packages, by its path."""
    files = (path for package in packages for path in sorted((ROOT / package).rglob("*.py")))
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in files}


def trespasses(texts: Mapping[str, str]) -> dict[tuple[str, str], list[str]]:
    """The imports that the table of rooms forbids, by the two rooms."""
    found: dict[tuple[str, str], list[str]] = {}
    for module, others in graph(texts).items():
        for other in sorted(others):
            ours, theirs = room_of(module), room_of(other)
            if ours != theirs and not (ours in ROOMS and may_import(ours, theirs)):
                found.setdefault((ours, theirs), []).append(f"{module} imports {other}")
    return found


def foreign(path: str, text: str) -> list[str]:
    """What in one tracked file belongs to a machine, a registry or a workplace."""
    if path.startswith(("deploy/", "docker-compose.yml")):  # paths in containers
        text = CONTAINER.sub("", text)
    return [f"{what}: {hit[0]}" for what, pattern in FOREIGN.items() for hit in re.finditer(pattern, text)]


def tracked() -> list[str]:
    """The files that a clone would have, and those about to be added."""
    listing = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"]
    done = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
    return sorted(name for name in done.stdout.split("\0") if name and (ROOT / name).is_file())


def test_rooms_import_only_what_the_table_allows() -> None:
    """Every import between two rooms is allowed by tests/support/rooms.py, or listed in TEMPORARY."""
    found = trespasses(sources(*PACKAGES))
    assert {rooms: which for rooms, which in found.items() if rooms not in TEMPORARY} == {}


def test_no_exception_outlives_its_import() -> None:
    """Each row of TEMPORARY is still needed; one that is not must be deleted."""
    assert set(TEMPORARY) - set(trespasses(sources(*PACKAGES))) == set()


def test_every_room_has_a_row() -> None:
    """Each folder of the second level, and each module beside them, is in the table."""
    rooms = {room_of(module) for module in map(module_of, sources(*PACKAGES)) if "." in module}
    assert rooms - set(ROOMS) == set()


def test_rows_name_only_earlier_rooms() -> None:
    """A room may import rooms above it in the table, so that no two rooms can import each other."""
    order = list(ROOMS)
    wrong = []
    for place, (room, allowed) in enumerate(ROOMS.items()):
        for name in allowed:
            later = [other for other in order[place:] if f"{other}.".startswith(f"{name}.") and name in (other, *WHOLE)]
            wrong += [(room, other) for other in later]
    assert wrong == []
    assert set(chain.from_iterable(ROOMS.values())) <= {*ROOMS, *WHOLE}


def test_architecture_md_prints_the_table() -> None:
    """The page holds the table of rooms as tests/support/rooms.py has it."""
    assert page() in (ROOT / "ARCHITECTURE.md").read_text(), f"put this table into ARCHITECTURE.md:\n\n{page()}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    """No module leads back to itself, through imports inside functions neither."""
    assert circles(graph(sources(*PACKAGES))) == []


def test_folders_stay_small() -> None:
    """No folder holds more than 16 modules, its `__init__` included."""
    count = Counter(path.rpartition("/")[0] for path in sources(*PACKAGES))
    assert {folder: n for folder, n in count.items() if n > 16} == {}


def test_the_core_is_pure() -> None:
    """No module of `scorers` does input or output, or asks a clock."""
    found = {path: impure(path, text) for path, text in sources("scorers").items()}
    assert found
    assert {path: what for path, what in found.items() if what} == {}


@pytest.mark.parametrize(
    ("source", "offence"),
    [
        ("import faust.app", "faust.app"),
        ("def f():\n    from time import time", "time.time"),
        ("text = open('x').read()", "open()"),
        ("import datetime\nx = datetime.datetime.now(None)", "datetime.now"),
        ("from datetime import date\nclock = date.today", "date.today"),
    ],
)
def test_impure_code_is_found(source: str, offence: str) -> None:
    """Imports inside functions, and names that are only passed on, are found."""
    assert impure("scorers/risk/model.py", source) == [offence]


@pytest.mark.parametrize(
    "source",
    [
        "import timeit_like\nfrom scorers.contract.events import DAY\nfrom . import tiers",
        "from datetime import datetime\nx = datetime.fromtimestamp",
    ],
)
def test_pure_code_passes(source: str) -> None:
    """Names that merely begin alike are no offence."""
    assert impure("scorers/risk/model.py", source) == []


@pytest.mark.parametrize(
    ("importer", "imported", "line"),
    [
        ("scorers/risk/model.py", "vigia/runtime/topics.py", "from vigia.runtime import topics"),
        ("scorers/risk/model.py", "streams/engine/chunk.py", "from ...streams.engine import chunk"),
        ("scorers/contract/wire.py", "scorers/policy/tables.py", "def f():\n    import scorers.policy.tables"),
        ("streams/worker/worker.py", "alerts/pipeline/dispatch.py", "from alerts.pipeline.dispatch import deliver"),
        ("alerts/channels/mail.py", "streams/worker/worker.py", "from streams.worker import worker"),
        ("alerts/pipeline/notifier.py", "vigia/cli.py", "from vigia import cli"),
        ("vigia/runtime/settings.py", "vigia/cli.py", "from ..cli import main"),
        ("vigia/lab/demo_stack.py", "vigia/commands/files/demo.py", "from vigia.commands.files.demo import demo"),
        ("vigia/attic/box.py", "vigia/cli.py", "import vigia.cli"),
    ],
)
def test_a_forbidden_import_is_found(importer: str, imported: str, line: str) -> None:
    """Imports up the table, inside functions, relative ones, and those of rooms without a row are named."""
    found = trespasses({importer: line, imported: ""})
    assert found == {
        (room_of(module_of(importer)), room_of(module_of(imported))): [
            f"{module_of(importer)} imports {module_of(imported)}"
        ]
    }


@pytest.mark.parametrize(
    ("importer", "imported", "line"),
    [
        ("streams/worker/worker.py", "scorers/risk/model.py", "import time\nfrom scorers.risk import model"),
        ("vigia/commands/files/demo.py", "vigia/lab/demo_stack.py", "from vigia.lab.demo_stack import DemoStack"),
        ("vigia/__main__.py", "vigia/cli.py", "from vigia.cli import main"),
    ],
)
def test_an_allowed_import_passes(importer: str, imported: str, line: str) -> None:
    """Imports down the table are no offence."""
    assert trespasses({importer: line, imported: ""}) == {}


def test_a_circle_is_named_by_its_imports() -> None:
    """The shortest way round is told once, whoever of its modules is looked at first."""
    texts = {
        "a/x.py": "from a import y",
        "a/y.py": "def f():\n    from a.z import thing",
        "a/z.py": "from . import x, w",
        "a/w.py": "import json",
    }
    assert circles(graph(texts)) == ["a.x -> a.y -> a.z -> a.x"]


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


def test_every_consumer_reads_committed_records_only() -> None:
    """Each aiokafka consumer of ours gets the arguments of `Broker.consumer`, which name the isolation level."""
    found = Counter[bool]()
    for path, text in sources("streams", "alerts", "vigia").items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "AIOKafkaConsumer":
                spread = [ast.unparse(word.value) for word in node.keywords if word.arg is None]
                fine = any(one.endswith(".consumer()") or one == "self._client()" for one in spread)
                assert fine, f"{path}:{node.lineno}: **broker.consumer() is missing"
                found[fine] += 1
    assert found[True] > 10, "the check finds no consumers any more"
