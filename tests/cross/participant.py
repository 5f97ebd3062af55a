"""The Python program of `test_processes.py`; `participants.py` documents the commands."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from persistent_collections import Environment, Error, PersistentDict, PersistentSet, _raw
from persistent_collections._checked import Cursor

state: dict[str, Any] = {}


def say(*words: object) -> None:
    print(*words, sep="\t", flush=True)


def open_environment(path: str) -> None:
    state["env"] = Environment(path, durability="none")


def close() -> None:
    state.pop("iterator", None)
    state.pop("env").close()


def declare(kind: str, name: str, key: str, value: str) -> None:
    if kind == "set":
        PersistentSet(state["env"], name, element=key)
    else:
        PersistentDict(state["env"], name, key=key, value=value)


def schema(name: str) -> tuple[str, str, str]:
    found = state["env"].schema(name)
    return found.kind, found.key, found.value


def add(name: str, key: str, times: str) -> None:
    counters = PersistentDict[str, int](state["env"], name)
    for _ in range(int(times)):
        counters.increment(key)


def commit() -> int:
    return state["env"].last_commit()


def wait(since: str) -> int:
    return state["env"].wait(since=int(since))


def pairs(name: str, times: str) -> None:
    d = PersistentDict[str, int](state["env"], name)
    for n in range(1, int(times) + 1):
        with state["env"].transaction():
            d["left"] = n
            d["right"] = n


def watch(name: str, last: str) -> str:
    d = PersistentDict[str, int](state["env"], name)
    say("watching")
    while True:
        with state["env"].snapshot():
            left, right = d.get("left", 0), d.get("right", 0)
        if left != right:
            return f"{left} and {right}"
        if left == int(last):
            return "whole"


def fill(name: str, first: str, last: str, value: str) -> None:
    d = PersistentDict(state["env"], name, key="i64", value="i64")
    d.update((n, int(value)) for n in range(int(first), int(last) + 1))


def empty(name: str) -> None:
    PersistentDict(state["env"], name, key="i64", value="i64").clear()


def begin(name: str) -> int:
    d = PersistentDict(state["env"], name, key="i64", value="i64")
    state["iterator"] = iter(d.items())
    key, state["sum"] = next(state["iterator"])
    return key


def end() -> tuple[int, int]:
    count, total = 1, state["sum"]
    for _, value in state.pop("iterator"):
        count += 1
        total += value
    return count, total


def encoded(kind: str, collection: Any) -> Iterator[tuple[bytes, bytes]]:
    """Returns the records in their stored form, by the layer of the C names."""
    library = collection._library
    call = library.pc_iter_open_set if kind == "set" else library.pc_iter_open_dict
    cursor = Cursor(library, call, collection._handle, _raw.pc_range(), (None, None))
    while (batch := cursor.fetch(100)) is not None:
        for at in range(batch.count):
            yield (
                batch.key(at),
                batch.values[batch.value_offsets[at] : batch.value_offsets[at + 1]],
            )


def opened(kind: str, name: str) -> Any:
    return (PersistentSet if kind == "set" else PersistentDict)(state["env"], name, create=False)


def dump(kind: str, name: str) -> None:
    for key, value in encoded(kind, opened(kind, name)):
        say(key.hex(), value.hex())


def copy(kind: str, name: str, to: str) -> None:
    """Reads with the types of the language and writes again; reports what it cannot hold."""
    source = opened(kind, name)
    types = state["env"].schema(name)
    declare(kind, to, types.key, types.value)
    target = opened(kind, to)
    for key, _ in encoded(kind, source):
        try:
            if kind == "set":
                target.add(source._keys.decode(key))
            else:
                target[key.decode()] = source[key.decode()]
        except OverflowError:
            say(key.hex())


COMMANDS = {
    "open": open_environment,
    **{it.__name__: it for it in (close, declare, schema, add, commit, wait, pairs, watch)},
    **{it.__name__: it for it in (fill, empty, begin, end, dump, copy)},
}


def main() -> None:
    for line in sys.stdin:
        command, *arguments = line.rstrip("\n").split("\t")
        try:
            answer = COMMANDS[command](*arguments)
        except Error as error:
            say("error", error.status, str(error))
        else:
            say("ok", *(answer if isinstance(answer, tuple) else () if answer is None else (answer,)))


if __name__ == "__main__":
    main()
