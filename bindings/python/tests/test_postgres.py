"""Environments on PostgreSQL, on a server that the tests start."""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from persistent_collections import (
    Environment,
    PersistentDict,
    PersistentSet,
    UnavailableError,
    UnsupportedError,
)

ROOT = Path(__file__).resolve().parents[3]
PASSWORD = "correct"


class Server:
    """A server; each environment is a schema of its own."""

    def __init__(self, urls: dict[str, str]) -> None:
        self.urls = urls
        self._schemas = 0

    def url(self) -> str:
        """Returns the URL of an environment that no other test uses, with a password."""
        self._schemas += 1
        return f"{self.urls['tcp']}?schema=t{self._schemas}"

    def waits(self) -> int:
        """Returns how many sessions wait for a lock."""
        query = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        command = ["psql", "-XAtq", "-c", query, self.urls["socket"]]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    def hold_lock(self, url: str) -> subprocess.Popen[str]:
        """Starts a session that holds the write lock until its input ends."""
        schema = url.rpartition("schema=")[2]
        holder = subprocess.Popen(
            ["psql", "-XAtq", self.urls["socket"]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert holder.stdin is not None and holder.stdout is not None
        holder.stdin.write(f"BEGIN; LOCK TABLE {schema}.writer IN EXCLUSIVE MODE; SELECT 'held';\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "held\n"
        return holder


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with subprocess.Popen(
        [str(ROOT / "tools" / "postgres"), "serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        lines = iter(process.stdout.readline, "ready\n")
        yield Server(dict(line.rstrip().split("=", 1) for line in lines))
        process.stdin.close()


@pytest.fixture
def env(server: Server) -> Iterator[Environment]:
    with Environment(server.url()) as environment:
        yield environment


def test_a_url_opens_the_same_collections(env: Environment) -> None:
    ages = PersistentDict[str, int](env, "ages")
    seen = PersistentSet[str](env, "seen")
    with env.transaction():
        ages["Ada"] = 36
        seen.add("Ada")
    ages.update({f"k{n}": n for n in range(5000)})
    assert len(ages) == 5001 and ages["k77"] == 77 and "Ada" in seen and ages
    assert ages.get("nobody") is None and list(ages.range("k1", "k11"))[:3] == ["k1", "k10", "k100"]
    assert ages.get_many(["Ada", "k3"]) == [36, 3]
    with env.snapshot():
        ages_then = dict(ages)
    assert ages_then["Ada"] == 36 and len(ages_then) == 5001
    with pytest.raises(ZeroDivisionError), env.transaction():
        ages.clear()
        _ = 1 / 0
    assert len(ages) == 5001
    assert sorted(info.name for info in env.collections()) == ["ages", "seen"]


def test_whether_there_is_an_entry_is_known_without_counting(env: Environment) -> None:
    d, s = PersistentDict[str, int](env, "d"), PersistentSet[str](env, "s")
    assert not d and not s
    d["x"] = 1
    s.add("x")
    assert d and s and bool(d) is True


def test_values_of_every_kind_come_back(env: Environment) -> None:
    anything = PersistentDict(env, "anything")
    anything["tea"] = {"cost": [1, 2.5, None], "note": b"\x00\xff"}
    assert anything["tea"] == {"cost": [1, 2.5, None], "note": b"\x00\xff"}
    arrays = PersistentDict(env, "arrays", key=int, value="f32[3]")
    arrays[1] = np.array([1, 2, 3], dtype="f4")
    with env.snapshot():
        # Copied, since no address of the server's memory can be lent.
        assert arrays[1].tolist() == [1, 2, 3]
    arrays.update({n: np.full(3, n, dtype="f4") for n in range(100)})
    assert [each.tolist()[0] for each in arrays.values()] == list(range(100))


def test_a_password_is_shown_nowhere(server: Server) -> None:
    url = server.url()
    assert PASSWORD in url
    with Environment(url) as env:
        d = PersistentDict[str, int](env, "d")
        shown = [repr(env), env.path, repr(d), str(env.info()), pickle.dumps(env), pickle.dumps(d)]
        with env.transaction() as txn:
            shown.append(repr(txn))
    with pytest.raises(UnavailableError) as refused:
        Environment("postgresql://ada:correct@127.0.0.1:1/db")
    shown.append(str(refused.value))
    for each in shown:
        assert PASSWORD not in (each.decode("latin-1") if isinstance(each, bytes) else each)


def test_a_pickle_finds_its_password_elsewhere(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Environment(server.url()) as env:
        d = PersistentDict[str, int](env, "d")
        d["x"] = 1
        data = pickle.dumps(d)
        monkeypatch.setenv("PGPASSWORD", "correct horse")
        assert pickle.loads(data)["x"] == 1


def test_other_threads_run_while_a_call_waits(server: Server) -> None:
    """With the accelerator, a call that waits for the server would stop the whole interpreter."""
    url = server.url()
    with Environment(url) as env:
        d = PersistentDict[str, int](env, "d")
        holder = server.hold_lock(url)
        writer = threading.Thread(target=d.__setitem__, args=("x", 1))
        writer.start()
        while server.waits() == 0:
            pass
        # This thread reads meanwhile, and lets the writer go on.
        assert [d.get("x") for _ in range(20)] == [None] * 20
        holder.communicate()
        writer.join()
        assert d["x"] == 1


def test_a_child_opens_its_own_connection(env: Environment) -> None:
    d = PersistentDict[str, int](env, "d")
    d["x"] = 1
    pid = os.fork()
    if pid == 0:
        d["y"] = 2
        os._exit(0 if d.get("x") == 1 else 1)
    assert os.waitpid(pid, 0)[1] == 0
    # The child's end has not ended the parent's session.
    d["x"] += 1
    assert dict(d) == {"x": 2, "y": 2}


def test_a_wait_ends_with_a_commit_of_another_environment(server: Server) -> None:
    url = server.url()
    with Environment(url) as env, Environment(f"{url}&application_name=other") as other:
        d = PersistentDict[str, int](other, "d")
        since = env.last_commit()

        async def both() -> None:
            waiting = asyncio.ensure_future(env.wait_async(since=since))
            await asyncio.get_running_loop().run_in_executor(None, d.__setitem__, "x", 1)
            assert await waiting

        asyncio.run(asyncio.wait_for(both(), 60))


def test_what_only_files_have_is_refused_by_name(env: Environment, tmp_path: Path) -> None:
    for call in (env.check, env.readers, lambda: env.copy(tmp_path / "copy")):
        with pytest.raises(UnsupportedError, match="PostgreSQL"):
            call()
    assert "remote" in env.traits() and "copy" not in env.traits()
