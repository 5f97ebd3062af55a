"""The C header as data: its functions, structs and constants, with their comments and sections."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Function:
    """A function: what it returns, and the type and name of each parameter."""

    name: str
    result: str
    parameters: tuple[tuple[str, str], ...]

    def types(self) -> list[str]:
        """The types of the parameters, in order."""
        return [kind for kind, _ in self.parameters]


@dataclass(frozen=True)
class Struct:
    """A struct or union: the type and name of each field."""

    name: str
    fields: tuple[tuple[str, str], ...]
    is_union: bool = False


@dataclass(frozen=True)
class Header:
    """What the header declares, in its order."""

    functions: dict[str, Function]
    structs: dict[str, Struct]
    constants: dict[str, str]
    types: dict[str, str]
    #: What the comment before a declaration says, as one line for each paragraph.
    comments: dict[str, tuple[str, ...]]
    #: The title of the section that a declaration stands in.
    sections: dict[str, str]

    def number(self, constant: str) -> int:
        """A constant's number."""
        return int(self.constants[constant].strip("()"), 0)

    def numbers(self) -> dict[str, int]:
        """The constants that are numbers of the interface: not those that name the library's version."""
        return {name: self.number(name) for name in self.constants if not name.startswith("PC_VERSION")}

    def handles(self) -> set[str]:
        """The structs that are handles: of one 64-bit number, which calls pass as a plain one."""
        return {
            name for name, struct in self.structs.items() if [field for _, field in struct.fields] == ["id"]
        }

    def by_section(self, names: Iterable[str]) -> dict[str, list[str]]:
        """The names, by the section that declares them."""
        found: dict[str, list[str]] = {}
        for name in names:
            found.setdefault(self.sections[name], []).append(name)
        return found


def declaration(text: str) -> tuple[str, str]:
    """Type and name of a parameter or field: `const void *key` is `("const void *", "key")`."""
    text = re.sub(r"\b(struct|union)\b", " ", text)
    kind, name, array = re.fullmatch(r"\s*(.*?)(\w+)\s*((?:\[\d+\])*)\s*", text, re.S).groups()
    return normal(kind) + array, name


def normal(kind: str) -> str:
    """A type with one way to write it."""
    words = re.sub(r"\b(struct|union)\b", " ", kind)
    return re.sub(r"\s*\*", " *", " ".join(words.split())).replace("* *", "**")


def pointed(kind: str) -> str | None:
    """What a pointer points to, without `const`; None if the type is not a pointer."""
    return re.sub(r"^const ", "", kind[:-1].strip()) if kind.endswith("*") else None


#: The line that begins a declaration.
DECLARED = re.compile(r"#define (PC_\w+)|typedef .*?\b(pc_\w+)(?:;| \{|\)\()|\w[\w *]*?(pc_\w+)\(")


def described(text: str) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """The comment and the section of each declaration."""
    comments: dict[str, tuple[str, ...]] = {}
    sections: dict[str, str] = {}
    section, lines = "", []
    for line in text.splitlines():
        if title := re.fullmatch(r"/\* ==== (.*) ==== \*/", line):
            section = title[1]
        if line.startswith("///"):
            lines.append(line[3:].strip())
            continue
        if declared := DECLARED.match(line):
            name = next(filter(None, declared.groups()))
            comments[name] = tuple(" ".join(part.split()) for part in "\n".join(lines).split("\n\n"))
            sections[name] = section
        lines = []
    return comments, sections


def parse(text: str) -> Header:
    """What the header declares."""
    constants = {
        name: value.strip()
        for name, value in re.findall(r"^#define (PC_\w+)[ \t]+(.+)$", re.sub(r"//[^\n]*", "", text), re.M)
    }
    code = re.sub(r"/\*.*?\*/|//[^\n]*|^#[^\n]*", " ", text, flags=re.S | re.M)
    structs = {}
    for keyword, body, name in re.findall(r"typedef (struct|union) \w+ \{([^{}]*)\} (\w+);", code):
        fields = tuple(declaration(field) for field in body.split(";") if field.strip())
        structs[name] = Struct(name, fields, keyword == "union")
    functions = {}
    for result, name, parameters in re.findall(r"([\w][\w \t]*[\s*]+)(pc_\w+)\s*\(([^()]*)\)\s*;", code):
        listed = () if parameters.strip() == "void" else tuple(map(declaration, parameters.split(",")))
        functions[name] = Function(name, normal(result), listed)
    types = {name: normal(kind) for kind, name in re.findall(r"typedef ([\w\s*]+[\s*])(\w+);", code)}
    for result, name, parameters in re.findall(r"typedef ([\w\s*]+)\(\*(\w+)\)\(([^()]*)\);", code):
        listed = ", ".join(declaration(parameter)[0] for parameter in parameters.split(","))
        types[name] = f"{normal(result)} (*)({listed})"
    return Header(functions, structs, constants, types, *described(text))
