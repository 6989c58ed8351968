"""Reads from syntax trees who imports whom; nothing is imported, so a broken module is read as well."""

import ast
from collections import deque
from collections.abc import Iterator, Mapping

Graph = dict[str, set[str]]


def imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Every name that a source imports, with relative imports written out; `package` is the source's own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*parents, *filter(None, [node.module])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def module_of(path: str) -> str:
    """The module of a file.

    >>> module_of("vigia/lab/__init__.py"), module_of("vigia/cli.py")
    ('vigia.lab', 'vigia.cli')
    """
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def room_of(module: str) -> str:
    """The room of a module: the first two parts of its name."""
    return ".".join(module.split(".")[:2])


def graph(sources: Mapping[str, str]) -> Graph:
    """The modules that each module imports, of sources by their paths; what is not among the sources is left out."""
    modules = {module_of(path) for path in sources}
    found: Graph = {}
    for path, text in sources.items():
        module, package = module_of(path), path.rpartition("/")[0].replace("/", ".")
        named = (_within(name, modules) for name in imports(ast.parse(text), package))
        found[module] = {other for other in named if other and other != module}
    return found


def _within(name: str, modules: set[str]) -> str:
    """The module that an imported name lies in."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name


def circles(imported: Graph) -> list[str]:
    """One shortest circle through each set of modules that import each other, as `a -> b -> a`."""
    found: dict[frozenset[str], str] = {}
    for module in sorted(imported):
        way = _way_back(imported, module)
        if way and not any(members & set(way) for members in found):
            found[frozenset(way)] = " -> ".join(way)
    return list(found.values())


def _way_back(imported: Graph, start: str) -> list[str]:
    """The shortest way from a module back to itself; nothing if there is none."""
    came_from: dict[str, str] = {}
    queue = deque([start])
    while queue:
        here = queue.popleft()
        for other in sorted(imported[here]):
            if other == start:
                way = [start, here]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return way[::-1] if here != start else [start, start]
            if other not in came_from:
                came_from[other] = here
                queue.append(other)
    return []
