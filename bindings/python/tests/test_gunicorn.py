"""A deployed web server: it opens the environment before it forks workers with threads."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

from persistent_collections import Environment, PersistentDict

WORKERS, THREADS, CLIENTS, EACH = 4, 4, 16, 12

APPLICATION = """
import json, os, threading
from persistent_collections import Environment, PersistentDict, PersistentSet

env = Environment(os.environ["PLACE"], durability="none", write_timeout=20)
counters = [PersistentDict[str, int](env, f"counter {n}") for n in range(5)]
by_process = PersistentDict[int, int](env, "by process")
seen = PersistentSet[int](env, "seen")
for counter in counters:
    counter["requests"] = counter.get("requests", 0)


def application(environ, start_response):
    number = int(environ["PATH_INFO"][1:])
    mine = os.getpid()
    if number % 2:
        # Some begin outside of a transaction.
        counters[number % 5].get("requests")
    with env.transaction():
        for n in range(5):
            counters[(number + n) % 5].increment("requests")
        by_process[mine] = by_process.get(mine, 0) + 1
        seen.add(number)
    with env.snapshot():
        counts = {counter["requests"] for counter in counters}
        good = counts == {sum(by_process.values())} == {len(seen)} and number in seen
    counters[number % 5].increment("alone")
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"process": mine, "good": good}).encode()]
"""


def serve(directory: Path, first: int) -> set[int]:
    """Starts the server, sends it requests, and stops it; returns its processes."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    port = listener.getsockname()[1]
    options = ["--preload", "--workers", str(WORKERS), "--threads", str(THREADS)]
    # The system queues the connections until the workers have started.
    place = ["--bind", f"fd://{listener.fileno()}", "--chdir", str(directory)]
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", *options, *place, "application:application"],
        env={**os.environ, "PLACE": str(directory / "e")},
        pass_fds=[listener.fileno()],
        stderr=subprocess.PIPE,
        text=True,
    )
    listener.close()
    start = threading.Barrier(CLIENTS)
    processes: set[int] = set()
    failures: list[object] = []

    def ask(client: int) -> None:
        start.wait()
        for n in range(EACH):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            try:
                connection.request("GET", f"/{first + client * EACH + n}")
                response = connection.getresponse()
                body = response.read()
                if response.status != 200 or not json.loads(body)["good"]:
                    failures.append((response.status, body))
                else:
                    processes.add(json.loads(body)["process"])
            except (OSError, http.client.HTTPException) as error:
                failures.append(error)
            finally:
                connection.close()

    clients = [threading.Thread(target=ask, args=(client,)) for client in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    server.terminate()
    _, said = server.communicate(timeout=60)
    assert not failures, f"{failures}\n{said}"
    assert server.returncode == 0, said
    for trouble in ("Traceback", "[ERROR]", "[CRITICAL]", "[WARNING]"):
        assert trouble not in said, said
    return processes


def test_requests_are_counted_exactly(tmp_path: Path) -> None:
    """Of four starts of gunicorn with `--preload` and `--threads`, two hung.

    A worker's threads reopened the environment and its dicts one by one as they used them, inside
    transactions too, and waited for each other until the write timeout.
    """
    (tmp_path / "application.py").write_text(APPLICATION)
    processes: set[int] = set()
    for start in range(4):
        processes |= serve(tmp_path, start * CLIENTS * EACH)
    requests = 4 * CLIENTS * EACH
    with Environment(tmp_path / "e", durability="none", create=False) as env:
        counters = [PersistentDict[str, int](env, f"counter {n}", create=False) for n in range(5)]
        by_process = PersistentDict[int, int](env, "by process", create=False)
        assert [counter["requests"] for counter in counters] == 5 * [requests]
        assert sum(counter["alone"] for counter in counters) == requests
        assert sum(by_process.values()) == requests
        # Several of the workers have served, and no other process.
        assert processes == set(by_process) and len(processes) > 4
