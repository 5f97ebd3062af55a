"""The imports of Python packages."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from . import Failure, Graph, walk


class Package:
    """A Python package: its modules by their dotted names."""

    def __init__(self, root: Path) -> None:
        self.modules: dict[str, Path] = {}
        for directory, files in walk(root):
            if "__init__.py" not in files:
                continue
            parts = directory.relative_to(root.parent).parts
            for file in files:
                if file.endswith(".py"):
                    last = [] if file == "__init__.py" else [file[:-3]]
                    self.modules[".".join([*parts, *last])] = directory / file
        self.trees = {name: parsed(path) for name, path in self.modules.items()}
        #: What each module binds by its imports: name -> (module, name there; None: the module itself).
        self.bound: dict[str, dict[str, tuple[str, str | None]]] = {}
        #: Modules of which all names are imported.
        self.stars: dict[str, list[str]] = {}
        for name in self.modules:
            self.bound[name], self.stars[name] = {}, []
            for module, taken, known_as in self.imports(name):
                if taken == "*":
                    self.stars[name].append(module)
                elif known_as is not None:
                    self.bound[name][known_as] = (module, taken)

    def is_init(self, module: str) -> bool:
        """Whether a module is a package's `__init__`."""
        return self.modules[module].name == "__init__.py"

    def imports(self, name: str) -> Iterator[tuple[str, str | None, str | None]]:
        """What a module imports from the package: the module, a name in it, and what it is known as."""
        for node in ast.walk(self.trees[name]):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name in self.modules:
                        yield alias.name, None, alias.asname
            elif isinstance(node, ast.ImportFrom):
                module = self.absolute(name, node.level, node.module)
                for alias in node.names:
                    below = f"{module}.{alias.name}"
                    if below in self.modules:
                        yield below, None, alias.asname or alias.name
                    elif module in self.modules:
                        yield module, alias.name, alias.asname or alias.name
            elif isinstance(node, ast.Call) and node.args:
                # By its name, as a text.
                called = ast.unparse(node.func).rpartition(".")[2]
                text = node.args[0]
                if called in ("import_module", "__import__") and isinstance(text, ast.Constant):
                    dotted = str(text.value)
                    level = len(dotted) - len(dotted.lstrip("."))
                    module = self.absolute(name, level, dotted.lstrip("."))
                    if module in self.modules:
                        yield module, None, None

    def absolute(self, name: str, level: int, module: str | None) -> str:
        """The dotted name of what is imported in a module relative to it."""
        if not level:
            return module or ""
        parts = name.split(".")
        # An `__init__` is its own package.
        up = level - 1 if self.is_init(name) else level
        return ".".join([*parts[: len(parts) - up], *([module] if module else [])])

    def definer(self, module: str, name: str | None, seen: frozenset[str] = frozenset()) -> str:
        """The module that defines what is taken from one: another where an `__init__` passes it on."""
        if name is None or not self.is_init(module) or module in seen:
            return module
        seen |= {module}
        if name in self.bound[module]:
            return self.definer(*self.bound[module][name], seen)
        for star in self.stars[module]:
            if name in defined(self.trees[star]) or name in self.bound[star]:
                return self.definer(star, name, seen)
        return module

    def graph(self) -> Graph:
        """What each file takes from which other one."""
        graph: Graph = defaultdict(lambda: defaultdict(set))
        for name, path in self.modules.items():
            graph[path]  # noqa: B018
            for module, taken, _ in self.imports(name):
                found = self.definer(module, taken)
                if found != name:
                    graph[path][self.modules[found]].add(taken or found.rpartition(".")[2])
        return graph


def parsed(path: Path) -> ast.Module:
    """The syntax tree of a Python file."""
    try:
        return ast.parse(path.read_text(encoding="utf-8"), str(path))
    except (SyntaxError, UnicodeDecodeError) as error:
        raise Failure(f"{path}: {error}") from error


def defined(tree: ast.Module) -> set[str]:
    """The names that a module defines itself."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names
