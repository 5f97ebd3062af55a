"""The Python side of `test_typed_values.py`: reads and writes values of the Rust type in `typed_values.rs`.

python typed_values.py COMMAND ENVIRONMENT KEY
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from persistent_collections import Environment, PersistentDict


def job() -> dict[str, Any]:
    parent = {
        "title": "parent",
        "initial": "p",
        "tries": 0,
        "largest": 0,
        "huge": -1,
        "weight": -0.5,
        "samples": [],
        "urgent": False,
        "place": [0, ""],
        "nothing": 7,
        "sizes": {},
        "by_number": {},
        "history": [],
        "state": "Waiting",
        "parent": None,
    }
    return {
        "title": "straße 😀",
        "initial": "ß",
        "tries": 3,
        "largest": 2**64 - 1,
        "huge": 2**100,
        "weight": 2.0,
        "samples": [0.1, -1.0, 1e300],
        "urgent": True,
        "place": [-128, "here"],
        "nothing": None,
        "sizes": {"a": 1, "b": -(2**63)},
        "by_number": {-1: ["x", ""], 2**63 - 1: []},
        "history": ["Waiting", {"Failed": "disk"}, {"Retried": [255, False]}],
        "state": {"Running": {"worker": 65535, "since": None}},
        "parent": parent,
    }


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal and of the same types, down to their items."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def main(command: str, path: str, key: str) -> None:
    with Environment(path) as env:
        jobs = PersistentDict[str, Any](env, "jobs")
        if command == "check":
            assert same(jobs[key], job()), jobs[key]
        elif command == "write":
            # In the forms that Python programs use: a tuple, an array, an int for a float.
            here = {"place": (-128, "here"), "samples": np.array([0.1, -1.0, 1e300]), "weight": 2}
            jobs[key] = {**job(), **here}
        elif command == "finish":
            with jobs.edit(key) as changed:
                changed["tries"] -= 1
                changed["history"].append(changed["state"])
                changed["state"] = {"Running": {"worker": 4, "since": -5}}
                # A field that is absent reads as None.
                del changed["parent"]
        else:
            jobs[key] = {**job(), "tries": "three"}


main(*sys.argv[1:])
