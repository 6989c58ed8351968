"""For the site of the documents (mkdocs.yml): files outside docs/ that pages link to are in the site too, under source/.

README.md is its first page. So every link leads somewhere without a forge, and `mkdocs build --strict` checks all of them.
"""

import os
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
LINK = re.compile(r"(?<=\]\()(?!\w+:)([^)#\s]+)(#[^)\s]*)?(?=\))")
FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
INDEX = "index.md"


def place(path: Path) -> str:
    """Where a file of the checkout stands in the site; empty for what is no file."""
    if path.is_dir():
        path /= "README.md"
    if not path.is_file() or not path.is_relative_to(ROOT):
        return ""
    if path == ROOT / "README.md":
        return INDEX
    return (
        path.relative_to(DOCS).as_posix()
        if path.is_relative_to(DOCS)
        else f"source/{path.relative_to(ROOT).as_posix()}"
    )


def origin(uri: str) -> Path:
    """The file of the checkout that stands at a place of the site."""
    if uri == INDEX:
        return ROOT / "README.md"
    return ROOT / uri.removeprefix("source/") if uri.startswith("source/") else DOCS / uri


def linked(page: Path) -> set[Path]:
    """The files of the checkout that a page links to."""
    prose = FENCED.sub("", page.read_text(encoding="utf-8"))
    return {(page.parent / found[1]).resolve() for found in LINK.finditer(prose)}


def on_files(files: Files, config: Any) -> Files:
    """Add the first page and what pages link to, and what those link to."""
    known = {one.src_uri for one in files}
    waiting = [ROOT / "README.md", *(DOCS / one.src_uri for one in files if one.src_uri.endswith(".md"))]
    while waiting:
        page = waiting.pop()
        for path in {page, *linked(page)}:
            uri = place(path)
            if uri and uri not in known:
                known.add(uri)
                files.append(File.generated(config, uri, abs_src_path=str(origin(uri))))
                if uri.endswith(".md") and path != page:
                    waiting.append(origin(uri))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Write the links of a page as the site has them; a link to a folder without a page of its own is its text only."""
    uri = page.file.src_uri
    here = origin(uri).parent

    def written(found: re.Match[str]) -> str:
        to = place((here / found[1]).resolve())
        return os.path.relpath(to, Path(uri).parent) + (found[2] or "") if to else "#"

    parts = FENCED.split(markdown)
    return "".join(part if n % 2 else LINK.sub(written, part) for n, part in enumerate(parts))
