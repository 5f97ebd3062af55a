"""Environments for the tests and for the examples in the docstrings."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

import persistent_collections
from persistent_collections import Environment, PersistentDict, PersistentSet

# How long one example takes says more of the machine than of the code.
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")

# Their examples use the names below; those of the codecs need no library.
_WITH_ENVIRONMENT = (
    *("", ".dict", ".many", ".ordered", ".set", ".ranges", ".environment", ".transaction"),
)


@pytest.fixture
def env(tmp_path: Path) -> Iterator[Environment]:
    """A new environment; with `PC_POSTGRES_URL`, a schema of that server."""
    url = os.environ.get("PC_POSTGRES_URL")
    place = tmp_path / "env" if url is None else f"{url}&schema=t_{uuid.uuid4().hex}"
    with Environment(place) as environment:
        yield environment


@pytest.fixture(autouse=True)
def _names_of_examples(request: pytest.FixtureRequest, doctest_namespace: dict[str, Any]) -> None:
    if not isinstance(request.node, pytest.DoctestItem):
        return
    dtest = request.node.dtest
    assert dtest is not None
    doctest_namespace["directory"] = request.getfixturevalue("tmp_path") / "examples"
    if dtest.globs["__name__"] in {f"persistent_collections{name}" for name in _WITH_ENVIRONMENT}:
        env = request.getfixturevalue("env")
        doctest_namespace.update(
            {name: getattr(persistent_collections, name) for name in persistent_collections.__all__}
        )
        doctest_namespace.update(
            asyncio=asyncio,
            env=env,
            d=PersistentDict(env, "d", key=str, value=int),
            s=PersistentSet(env, "s", element=int),
        )
