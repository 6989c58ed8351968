"""The documents tell the truth: promises are all listed, what they name exists, and the commands in them work.

In README.md a ```sh block holds commands that the CI runs itself, line by line; a ```bash block is run here, in a
scratch copy of the checkout's surface, one after the other as a reader would.
"""

import ast
import json
import re
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest

from scorers.alarms import catalogue
from scorers.contract.wire import EVENT_TYPES, Rejection, decode
from scorers.customer.lifecycle import diagram
from tests.support import reference
from vigia.runtime.settings import MEANINGS, SETTINGS

ROOT = Path(__file__).parent.parent

RULES = {"L": 9, "T": 6, "Q": 8, "X": 11, "P": 7, "A": 12, "J": 11}
KINDS = """
    prospect-cooling second-purchase-overdue single-failure small-mishap major-problem complaint-unacknowledged
    complaint-overdue request-unattended gone-quiet defected risk-high risk-rising tier-drop apostle-lost hostage
    terrorist experience-debt promise-broken contact-pressure boredom wallet-shrinking bond-cut exposed-silently
    owner-disagrees score-money-disagree underserved overserved distributor-risk staff-unasked staff-unthanked
    complaint-theme feed-silent base-outflow retention-order
"""
CHANGES = "stage-changed tier-changed loyalty-changed reactivated golden-conversion"
FAULTS = {"F": 20, "N": 7, "D": 15, "L": 1}

PROMISES = {
    "Rules": [f"{letter}{n}" for letter, last in RULES.items() for n in range(1, last + 1)],
    "Kinds of alarm": [f"`{kind}`" for kind in KINDS.split()],
    "State changes": [f"`{kind}`" for kind in CHANGES.split()],
    "Faults": [f"{letter}{n}" for letter, last in FAULTS.items() for n in range(1, last + 1)],
}
MISSING = "missing"


def tracked(*patterns: str) -> list[Path]:
    """The files of a clone, and those about to be added, that fit one of the patterns."""
    listing = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"]
    done = subprocess.run([*listing, *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return sorted(ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file())


def tables(text: str) -> dict[str, list[list[str]]]:
    """The rows of the table under each second-level heading, without its head."""
    found = {}
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        lines = [line for line in section.splitlines() if line.startswith("|")]
        found[section.splitlines()[0]] = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    return found


def prose(text: str) -> str:
    """The text without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def blocks(text: str) -> list[tuple[str, str]]:
    """Each fenced block as its language and its body."""
    return re.findall(r"^```(\S*)[^\n]*\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def names_in(path: Path) -> set[str]:
    """The functions, classes and methods of a module; a method as `Class.method` too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {
                f"{node.name}.{n.name}" for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
            }
    return found


def unknown(reference: str) -> str:
    """Why a place or a test that a document names is not there; empty if it is."""
    path, *names = re.sub(r"\[.*\]$", "", reference).split("::")
    if not (ROOT / path).exists():
        return f"{reference}: no such file"
    if names and not names_in(ROOT / path).issuperset(names):
        return f"{reference}: no such name in {path}"
    return ""


def complaints(row: list[str]) -> list[str]:
    """What is wrong with one row of the status page."""
    if len(row) != 4:
        return [f"{row[0]}: {len(row)} cells instead of 4"]
    key, what, place, test = row
    wrong = [] if what else [f"{key}: says nothing"]
    for cell in (place, test):
        if cell != MISSING and not re.fullmatch(r"`[^`]+`(, `[^`]+`)*", cell):
            wrong.append(f"{key}: {cell!r} is neither {MISSING!r} nor `names`, separated by commas")
        wrong += [f"{key}: {why}" for name in re.findall(r"`([^`]+)`", cell) if (why := unknown(name))]
    return wrong


def anchors(text: str) -> set[str]:
    """The names by which the headings of a document can be linked."""
    heads = re.findall(r"^#+ +(.+?) *$", prose(text), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def dead_links(path: Path, text: str) -> list[str]:
    """The relative links of a document that lead nowhere."""
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
        target, _, anchor = link.partition("#")
        file = path.parent / target if target else path
        if re.match(r"\w+:", link):
            continue
        heads = anchors(text if file == path else file.read_text()) if file.suffix == ".md" and file.exists() else set()
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in heads):
            dead.append(link)
    return dead


def targets() -> set[str]:
    """The targets of the Makefile that its help lists."""
    return set(re.findall(r"^([a-z][a-z-]*):.*## ", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


def test_the_catalogue_is_complete() -> None:
    """There are 64 rules, 34 kinds, 5 state changes and 43 faults, none twice."""
    assert [len(set(keys)) for keys in PROMISES.values()] == [64, 34, 5, 43]


@pytest.mark.parametrize("title", PROMISES)
def test_every_promise_stands_once(title: str) -> None:
    """Each table of the status page lists its promises once, in their order."""
    assert [row[0] for row in tables((ROOT / "docs/status.md").read_text())[title]] == PROMISES[title]


def test_the_status_page_names_what_exists() -> None:
    """Each file and each test in the tables is there."""
    rows = chain.from_iterable(tables((ROOT / "docs/status.md").read_text()).values())
    assert [wrong for row in rows for wrong in complaints(row)] == []


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        (["L1", "stages", "`scorers/nowhere.py`", "missing"], "L1: scorers/nowhere.py: no such file"),
        (["L1", "stages", "missing", "`tests/test_docs.py::test_x`"], "L1: tests/test_docs.py::test_x: no such name"),
        (["L1", "stages", "soon", "missing"], "L1: 'soon' is neither"),
        (["L1", "", "missing", "missing"], "L1: says nothing"),
        (["L1", "stages", "missing"], "L1: 3 cells"),
    ],
)
def test_a_wrong_row_is_seen(row: list[str], wrong: str) -> None:
    """A file or test that is not there, and a cell that is neither a name nor missing, are told."""
    assert [why[: len(wrong)] for why in complaints(row)] == [wrong]


def test_a_right_row_is_left_alone() -> None:
    """Several places, and a test with its parameter, are fine."""
    test = "`tests/test_docs.py::test_every_promise_stands_once[Rules]`"
    assert complaints(["L1", "stages", "`tests/test_docs.py`, `docs`", test]) == []


def test_links_lead_somewhere() -> None:
    """Every relative link and anchor in every document resolves."""
    dead = {path.name: dead_links(path, path.read_text()) for path in tracked("*.md")}
    assert len(dead) > 3
    assert {name: links for name, links in dead.items() if links} == {}


def test_a_dead_link_is_seen() -> None:
    """A file or heading that is not there is told; hosts and fenced text are not looked at."""
    text = "# Why so?\n[a](b.md) [c](#why-so) [d](#no) [e](https://x.example)\n```\n[f](g.md)\n```\n"
    assert dead_links(ROOT / "README.md", text) == ["b.md", "#no"]


def test_every_procedure_of_the_guide_is_run() -> None:
    """Each section of the operations guide, and each drill, names the tests or the target that run it, and they exist."""
    sections = re.split(r"^## ", (ROOT / "docs/guide.md").read_text(), flags=re.MULTILINE)[1:]
    assert len(sections) >= 8
    for section in sections:
        drills = [row[-1] for rows in tables(f"## {section}").values() for row in rows if len(row) == 4]
        for line in [*re.findall(r"^Run by: (.+)$", section, flags=re.MULTILINE), *drills]:
            named = re.findall(r"`([^`]+)`", line)
            assert named, line
            assert [why for name in named if not name.startswith("make ") and (why := unknown(name))] == []
        assert "\nRun by: " in section, section.splitlines()[0]


def test_every_promise_of_stability_is_held() -> None:
    """By tests that exist."""
    lines = re.findall(r"^\| (.+) \|$", (ROOT / "docs/stability.md").read_text(), flags=re.MULTILINE)[1:]
    rows = [line.split(" | ") for line in lines]
    assert len(rows) >= 8
    assert [why for row in rows for name in re.findall(r"`([^`]+)`", row[2]) if (why := unknown(name))] == []
    assert all("`" in row[2] for row in rows)


def test_the_site_has_every_page() -> None:
    """The table of contents of the site names each page of docs/, and no other."""
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in tracked("docs/*.md")}
    named = re.findall(r"^ +- (?:[^:\n]+: )?(\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), flags=re.MULTILINE)
    assert len(named) == len(set(named))
    assert set(named) == pages | {"index.md"}


def test_the_diagram_of_the_stages_is_the_table() -> None:
    """docs/lifecycle.md holds the picture that the table of transitions draws."""
    drawn = [body for language, body in blocks((ROOT / "docs/lifecycle.md").read_text()) if language == "mermaid"]
    assert drawn == [diagram() + "\n"]


def glossary() -> dict[str, list[tuple[str, str]]]:
    """The entries of the glossary, by area: each term with its text."""
    areas = re.split(r"^## ", (ROOT / "docs/glossary.md").read_text(), flags=re.MULTILINE)[1:]
    return {
        area.split("\n")[0]: re.findall(r"^### (.+)\n\n((?:(?!^###? ).*\n?)+)", area, re.MULTILINE) for area in areas
    }


def test_every_term_of_the_glossary_has_one_sentence_and_one_example() -> None:
    """Terms are alphabetical within their area and occur once; each is defined, with one example."""
    areas = glossary()
    terms = [term for entries in areas.values() for term, _ in entries]
    assert len(terms) >= 60
    assert len({term.lower() for term in terms}) == len(terms)
    for area, entries in areas.items():
        names = [term.lower() for term, _ in entries]
        assert names == sorted(names), area
    texts = {term: text.strip().split("\n\n") for entries in areas.values() for term, text in entries}
    wrong = [term for term, (sentence, *rest) in texts.items() if len(rest) != 1 or not rest[0].startswith("Example: ")]
    assert wrong == []
    assert [term for term, (sentence, _) in texts.items() if not sentence.endswith(".")] == []


def test_the_terms_of_the_architecture_are_in_the_glossary() -> None:
    """Each term in bold in ARCHITECTURE.md is an entry, in the singular or in the plural."""
    terms = {term.lower() for entries in glossary().values() for term, _ in entries}
    bold = re.findall(r"\*\*(.+?)\*\*", prose((ROOT / "ARCHITECTURE.md").read_text()), flags=re.DOTALL)
    named = {" ".join(term.lower().split()) for term in bold}
    assert named
    assert {name for name in named if name not in terms and name.removesuffix("s") not in terms} == set()


def test_the_architecture_names_what_exists() -> None:
    """Each path on the page, with or without a function, is there, and so are the tables that it names."""
    text = prose((ROOT / "ARCHITECTURE.md").read_text())
    named = re.findall(r"`([\w.]+/[\w./-]*(?:::[\w.]+)?)`", text)
    assert len(named) > 30
    assert [why for name in named if (why := unknown(name))] == []
    for name, path in (("LEARNERS", "scorers/contract/lessons.py"), ("FORWARDS", "scorers/partition/routing.py")):
        assert f"`{name}` (`{path}`)" in text
        assert f"\n{name}" in (ROOT / path).read_text()


def test_a_function_that_is_gone_is_seen() -> None:
    """A method counts only in its own class."""
    here = "scorers/timeline/timeline.py"
    assert unknown(f"{here}::Timeline.step") == ""
    assert unknown(f"{here}::Step.step") == f"{here}::Step.step: no such name in {here}"


def test_the_kinds_of_the_status_page_are_those_of_the_catalogue() -> None:
    """A kind that the core raises is not called missing, and one that is called built is in the catalogue."""
    page = tables((ROOT / "docs/status.md").read_text())
    built = {
        row[0].strip("`") for title in ("Kinds of alarm", "State changes") for row in page[title] if row[2] != MISSING
    }
    assert built == set(catalogue.KINDS)
    missing = sum(row[2] == MISSING for row in page["Kinds of alarm"])
    said = f"{len(catalogue.KINDS) - len(catalogue.STATE_CHANGES)} are built, {missing} are missing"
    assert said in (ROOT / "docs/status.md").read_text(), said


def test_the_changelog_has_room_for_the_next_change() -> None:
    """The first section is what has not been released."""
    heads = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert heads[0] == "[Unreleased]"


def test_every_decision_says_why_and_what_was_refused() -> None:
    """Decisions are numbered, dated, and have their three parts."""
    heads, bodies = [], re.split(r"^## ", (ROOT / "docs/decisions.md").read_text(), flags=re.MULTILINE)[1:]
    for body in bodies:
        heads.append(body.split(".")[0])
        assert re.match(r"\d+\. .+ \(\d{4}-\d\d-\d\d\)\n", body), body
        assert re.findall(r"^- \*\*(\w+):\*\* ", body, flags=re.MULTILINE) == ["Decision", "Why", "Refused"], body
    assert heads == [str(n + 1) for n in range(len(bodies))]
    assert heads


def test_make_help_lists_every_target() -> None:
    """Each target that is no file has its comment, hence its line in the help."""
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert phony
    assert set(phony[1].split()) == targets()


def test_documents_name_only_targets_that_exist() -> None:
    """Each `make x` in a document is a target of the Makefile."""
    named = {
        (path.name, target)
        for path in tracked("*.md")
        for target in re.findall(r"(?:`|^|&& )make ([a-z][a-z-]*)", path.read_text(), flags=re.MULTILINE)
    }
    assert named
    assert {(name, target) for name, target in named if target not in targets()} == set()


def test_the_ci_runs_the_commands_of_the_readme() -> None:
    """Each line of each ```sh block in README.md is a line of .ci/run, and no other mark hides a shell block."""
    ci = set(re.findall(r"^ *run ([^<\n]+?)(?: *<.*)?$", (ROOT / ".ci/run").read_text(), flags=re.MULTILINE))
    found = blocks((ROOT / "README.md").read_text())
    typed = [line.split(" #")[0].strip() for mark, body in found if mark == "sh" for line in body.splitlines()]
    assert typed
    assert [line for line in typed if line and line not in ci] == []
    assert {mark for mark, _ in found} & {"", "shell", "console", "zsh"} == set()


def test_the_shell_examples_of_the_readme_work(tmp_path: Path) -> None:
    """Each ```bash block in README.md ends well, run in order with the checkout's files at hand."""
    for name in {path.relative_to(ROOT).parts[0] for path in tracked()}:
        (tmp_path / name).symlink_to(ROOT / name)
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    for body in [body for mark, body in blocks((ROOT / "README.md").read_text()) if mark == "bash"]:
        command = ["bash", "-euo", "pipefail", "-c", body]
        env = {"PATH": path, "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{body}\n{done.stdout}\n{done.stderr}"


def test_text_is_clean() -> None:
    """No blank at the end of a line, no tab in Python, no carriage return, no mark of a merge, one newline at the end of each file."""
    wrong = []
    for path in tracked("*.py", "*.md", "*.toml", "*.yml", "*.yaml", "*.txt", "Makefile", ".ci/run"):
        text = path.read_bytes().decode()
        stains = re.search(r"[ \t]$|\r|^[<>]{7} ", text, flags=re.MULTILINE) or (path.suffix == ".py" and "\t" in text)
        if stains or (text and not text.endswith("\n")) or text.endswith("\n\n"):
            wrong.append(path.relative_to(ROOT).as_posix())
    assert wrong == []


@pytest.mark.parametrize("page", reference.PAGES)
def test_the_generated_pages_are_those_of_the_source(page: str) -> None:
    """docs/events.md, docs/metrics.md and docs/settings.md say what the types, metrics and settings are now."""
    assert (ROOT / page).read_text() == reference.PAGES[page](), "python -m tests.support.reference writes it again"


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_the_example_of_an_event_is_one(name: str) -> None:
    """Each of the types has an example that is read, and a sentence about what it starts and stops, with real kinds."""
    event = decode(json.dumps(reference.example(name)).encode())
    assert not isinstance(event, Rejection), event
    kinds = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", reference.EFFECTS[name]))
    assert kinds <= set(catalogue.KINDS), kinds - set(catalogue.KINDS)


def test_every_setting_has_a_meaning() -> None:
    """A setting that is added is explained, and every variable that the source reads is on one of the two pages."""
    assert MEANINGS.keys() == set(SETTINGS.values())
    documented = set(
        re.findall(
            r"VIGIA_[A-Z_]+", (ROOT / "docs/settings.md").read_text() + (ROOT / "docs/operations.md").read_text()
        )
    )
    read = set()
    for package in ("streams", "alerts", "vigia"):
        for path in (ROOT / package).rglob("*.py"):
            read |= set(re.findall(r"[\"'](VIGIA_[A-Z]+(?:_[A-Z]+)*)[\"']", path.read_text()))
    examples_of_routes = set(re.findall(r"VIGIA_[A-Z_]+", (ROOT / "deploy/routes.toml").read_text()))
    assert read - documented - examples_of_routes - {"VIGIA_FAILPOINT", "VIGIA_FAULT"} == set()
