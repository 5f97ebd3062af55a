"""The uses and paths of Rust crates."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from . import Failure, Graph

_TOKEN = re.compile(
    r"""
      (?P<skip>\s+|//[^\n]*)
    | (?P<comment>/\*)
    | (?P<raw>b?r(?P<marks>\#*)")
    | (?P<text>b?"(?:[^"\\]|\\.)*")
    | (?P<char>b?'(?:[^'\\]|\\(?:u\{[0-9a-fA-F_]*\}|x[0-9a-fA-F]{2}|.))')
    | (?P<lifetime>'\w+)
    | (?P<name>(?:r\#)?[^\W\d]\w*)
    | (?P<sign>::|.)
    """,
    re.X | re.S,
)
_ITEMS = {"const", "enum", "fn", "macro_rules", "mod", "static", "struct", "trait", "type", "union"}


def tokens(source: str) -> list[str]:
    """The names and signs of a Rust source; texts as `"..."`, comments left out."""
    found: list[str] = []
    at = 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            raise Failure(f"no token of Rust at {source[at : at + 20]!r}")
        at = match.end()
        if match["comment"]:
            depth = 1
            while depth and at < len(source):
                depth += {"/*": 1, "*/": -1}.get(source[at : at + 2], 0)
                at += 2 if source[at : at + 2] in ("/*", "*/") else 1
        elif match["raw"]:
            end = source.find('"' + match["marks"], at)
            at = len(source) if end < 0 else end + 1 + len(match["marks"])
            found.append('"..."')
        elif match["text"]:
            found.append(match["text"])
        elif match["char"]:
            found.append("'.'")
        elif match["name"] or match["sign"]:
            found.append(match["name"].removeprefix("r#") if match["name"] else match["sign"])
    return found


@dataclass
class Module:
    """A module of Rust, in a file of its own or inside of one."""

    path: tuple[str, ...]
    file: Path
    children: dict[str, Module] = field(default_factory=dict)
    #: The names of what it defines.
    items: set[str] = field(default_factory=set)
    #: What its `use`s bind, as they are written: name -> path.
    bound: dict[str, tuple[str, ...]] = field(default_factory=dict)
    #: Those of which it takes all names.
    globs: list[tuple[str, ...]] = field(default_factory=list)
    #: Paths that it names, by `use` or in its code; those that it only passes on are none of them.
    named: list[tuple[str, ...]] = field(default_factory=list)


class Crate:
    """A Rust crate: its modules, from the root file on."""

    def __init__(self, root: Path) -> None:
        self.root = Module((), root)
        #: Macros that the whole crate has by `#[macro_export]` or in order of the text.
        self.macros: dict[str, Path] = {}
        self.modules: list[Module] = []
        self.read(self.root, root.parent)

    def read(self, module: Module, directory: Path) -> None:
        """Reads a module's file; its children's lie in the directory."""
        try:
            source = module.file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Failure(f"{module.file}: {error}") from error
        self.modules.append(module)
        self.scan(module, tokens(source), 0, directory)

    def scan(self, module: Module, found: list[str], at: int, directory: Path) -> int:
        """Reads the tokens of a module, to their end or to the brace that closes it."""
        depth = 0
        is_test, place = False, None
        public = False
        while at < len(found):
            token = found[at]
            if token == "#" and found[at + 1 : at + 2] == ["["]:
                end = closing(found, at + 1)
                attribute = found[at + 2 : end]
                is_test |= attribute == ["cfg", "(", "test", ")"] or attribute[:5] == [
                    "cfg",
                    "(",
                    "all",
                    "(",
                    "test",
                ]
                if attribute[:2] == ["path", "="]:
                    place = attribute[2].strip('"')
                at = end + 1
                continue
            if token == "pub":
                public = True
                at = closing(found, at + 1) + 1 if found[at + 1 : at + 2] == ["("] else at + 1
                continue
            if token == "{":
                depth += 1
            elif token == "}":
                if not depth:
                    return at
                depth -= 1
            elif token == "use":
                at = self.use(module, found, at + 1, public, is_test)
            elif token == "mod" and found[at + 2 : at + 3] in (["{"], [";"]):
                at = self.child(module, found, at, directory, place, is_test)
            elif token in _ITEMS and not depth:
                name = found[at + 2] if token == "macro_rules" else found[at + 1]
                module.items.add(name)
                if token == "macro_rules":
                    self.macros[name] = module.file
            elif found[at + 1 : at + 2] == ["::"] and found[at - 1] != "::" and token.isidentifier():
                path = path_at(found, at)
                module.named += [path] if len(path) > 1 else []
                at += 2 * (len(path) - 1)
            elif found[at + 1 : at + 2] == ["!"] and token.isidentifier():
                module.named.append((token,))
            if token not in ("unsafe", "async", "extern", "default") and not token.startswith('"'):
                is_test, place, public = False, None, False
            at += 1
        return at

    def child(
        self,
        module: Module,
        found: list[str],
        at: int,
        directory: Path,
        place: str | None,
        is_test: bool,
    ) -> int:
        """Reads `mod name;` or `mod name { ... }`; returns where that ends."""
        name = found[at + 1]
        if found[at + 2] == "{":
            if is_test:
                return closing(found, at + 2)
            inner = Module((*module.path, name), module.file)
            module.children[name] = inner
            self.modules.append(inner)
            return self.scan(inner, found, at + 3, directory / name)
        if not is_test:
            usual = [directory / f"{name}.rs", directory / name / "mod.rs"]
            places = [module.file.parent / place] if place else usual
            file = next((it for it in places if it.is_file()), None)
            if file is None:
                raise Failure(f"{module.file}: mod {name} has no file")
            inner = Module((*module.path, name), file)
            module.children[name] = inner
            self.read(inner, file.parent if file.name == "mod.rs" else file.parent / file.stem)
        return at + 2

    def use(self, module: Module, found: list[str], at: int, public: bool, is_test: bool) -> int:
        """Reads a `use`; returns where it ends."""
        end = at
        while found[end] != ";":
            end += 1
        for path, known_as in use_tree(found[at:end], ()):
            if is_test:
                continue
            if path[-1] == "*":
                module.globs.append(path[:-1])
            else:
                module.bound[known_as or path[-1]] = path
            if not public:
                module.named.append(path)
        return end

    def at(self, path: tuple[str, ...]) -> Module:
        """The module at a path."""
        module = self.root
        for name in path:
            module = module.children[name]
        return module

    def resolve(
        self, module: Module, path: tuple[str, ...], seen: frozenset[object] = frozenset()
    ) -> tuple[Module, str | None] | None:
        """The module that defines what a path in a module stands for, and its name; None: another crate's."""
        if (module.path, path) in seen or not path:
            return None
        seen |= {(module.path, path)}
        first, *rest = path
        if first in ("crate", "$crate"):
            return self.below(self.root, rest, seen)
        if first in ("self", "super"):
            here = module
            up = list(takewhile(lambda name: name in ("self", "super"), path))
            for _ in range(up.count("super")):
                if not here.path:
                    return None
                here = self.at(here.path[:-1])
            return self.below(here, list(path[len(up) :]), seen)
        if first in module.children or first in module.bound or first in module.items:
            return self.below(module, list(path), seen)
        for glob in module.globs:
            target = self.resolve(module, glob, seen)
            if target is not None and target[1] is None and self.has(target[0], first):
                return self.below(target[0], list(path), seen)
        if not rest and first in self.macros:
            file = self.macros[first]
            return next(it for it in self.modules if it.file == file), first
        return None

    def has(self, module: Module, name: str) -> bool:
        """Whether a module defines a name or passes it on."""
        return name in module.items or name in module.children or name in module.bound

    def below(
        self, module: Module, rest: list[str], seen: frozenset[object]
    ) -> tuple[Module, str | None] | None:
        """What a path inside of a module stands for."""
        while rest:
            first = rest[0]
            if first in module.children:
                module, rest = module.children[first], rest[1:]
                continue
            # A macro that it passes on (`pub(crate) use name;`) is its own.
            if first in module.bound and first not in module.items:
                return self.resolve(module, (*module.bound[first], *rest[1:]), seen)
            if first not in module.items:
                for glob in module.globs:
                    target = self.resolve(module, glob, seen)
                    if target is not None and target[1] is None and self.has(target[0], first):
                        return self.below(target[0], rest, seen)
                if first in self.macros and not module.path:
                    file = self.macros[first]
                    return next(it for it in self.modules if it.file == file), first
            return module, first
        return module, None

    def graph(self) -> Graph:
        """What each file takes from which other one."""
        graph: Graph = defaultdict(lambda: defaultdict(set))
        # The files that declare each one, those that declare these, and so on.
        above: dict[Path, set[Path]] = defaultdict(set)
        for module in self.modules:
            above[module.file] |= {self.at(module.path[:at]).file for at in range(len(module.path))}
        for module in self.modules:
            graph[module.file]  # noqa: B018
            # A module that a `use` binds is a way to what is taken from it.
            starts = {path[0] for path in module.named if len(path) > 1}
            for path in module.named:
                target = self.resolve(module, path[:-1] if path[-1] == "*" else path)
                if target is None:
                    continue
                found, name = target
                if name is None and path[-1] != "*":
                    known = [it for it, bound in module.bound.items() if bound == path]
                    if any(it in starts for it in known):
                        continue
                if found.file != module.file and found.file not in above[module.file]:
                    graph[module.file][found.file].add(name or path[-1])
        return graph


def path_at(found: list[str], at: int) -> tuple[str, ...]:
    """The path that begins at a token."""
    path = [found[at]]
    while found[at + 1 : at + 2] == ["::"] and "".join(found[at + 2 : at + 3]).isidentifier():
        at += 2
        path.append(found[at])
    return tuple(path)


def closing(found: list[str], at: int) -> int:
    """Where the bracket that opens at a token is closed."""
    depth = 0
    while at < len(found):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(found[at], 0)
        if not depth:
            break
        at += 1
    return at


def use_tree(found: list[str], before: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str | None]]:
    """The paths of a `use`, and what each is known as where it is not its last name."""
    path, at = list(before), 0
    while at < len(found):
        token = found[at]
        if token == "{":
            end = closing(found, at)
            part: list[str] = []
            depth = 0
            for inner in [*found[at + 1 : end], ","]:
                depth += {"{": 1, "}": -1}.get(inner, 0)
                if inner == "," and not depth:
                    if part:
                        yield from use_tree(part, tuple(path))
                    part = []
                else:
                    part.append(inner)
            return
        if token == "as":
            yield tuple(path), found[at + 1]
            return
        if token == "self" and path:
            if found[at + 1 : at + 2] == ["as"]:
                yield tuple(path), found[at + 2]
            else:
                yield tuple(path), None
            return
        if token not in ("::", "$"):
            path.append(token)
        at += 1
    if path:
        yield tuple(path), None
