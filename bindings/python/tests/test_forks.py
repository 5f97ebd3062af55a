"""Forks, pools and loaders: objects that are passed to another process work there."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import pickle
import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forking import PRELUDE, run

from persistent_collections import Environment, PersistentDict, PersistentSet

ITEMS = 24


def test_a_child_reopens_the_environment(tmp_path: Path) -> None:
    code = """
def work():
    assert d == {"a": 1} and s == {"x"} and "a" in d
    d["b"] = 2
    s.update(["y", "z"])
    with env.transaction():
        d.increment("b")
    with env.snapshot():
        assert d["b"] == 3
    assert env.info().collections == 2 and len(env.readers()) >= 1
    # And its own child.
    child(lambda: d.increment("b"))
    assert d["b"] == 4 and object.__getattribute__(d, "_handle")
    env.flush()
    env.close()
    try:
        d["a"]
    except BadHandleError:
        pass
    else:
        raise AssertionError("not closed")

child(work)
assert d == {"a": 1, "b": 4} and s == {"x", "y", "z"}
d["c"] = 5
env.close()
"""
    run(PRELUDE + code, tmp_path / "e")


def test_a_transaction_begun_before_the_fork_has_ended(tmp_path: Path) -> None:
    code = """
d.update((str(n), n) for n in range(1000))
walk = iter(d)
next(walk)

def in_block():
    refused(lambda: d["a"])
    refused(lambda: d.update(z=1))
    refused(lambda: list(s))
    refused(lambda: env.transaction().__enter__())
    # Another thread was not in it.
    found = []
    thread = threading.Thread(target=lambda: found.append(d["a"]))
    thread.start()
    thread.join()
    assert found == [1]
    refused(lambda: d["a"])
    raise KeyboardInterrupt

def in_transaction():
    refused(transaction.commit)
    try:
        in_block()
    except KeyboardInterrupt:
        transaction.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    # Out of it, all is well.
    assert "lost" not in d and d["a"] == 1
    d["child"] = 1

def in_snapshot():
    try:
        in_block()
    except KeyboardInterrupt:
        snapshot.__exit__(None, None, None)
    assert d["a"] == 1

def end_by_itself():
    refused(lambda: transaction.__exit__(None, None, None))
    assert d["a"] == 1

# What it has fetched ahead is its own; then it ends.
child(lambda: refused(lambda: list(walk)))
assert next(walk) is not None
with env.snapshot() as snapshot:
    child(in_snapshot)
    assert d["a"] == 1
transaction = env.transaction()
with transaction:
    d["lost"] = 1
    child(end_by_itself)
    transaction.abort()
transaction = env.transaction().__enter__()
d["mine"] = 1
read, write = os.pipe()
pid = os.fork()
if pid == 0:
    code = 1
    try:
        os.close(write)
        os.read(read, 1)
        in_transaction()
        code = 0
    finally:
        os._exit(code)
transaction.commit()
os.close(write)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert d["mine"] == 1 and d["child"] == 1 and "lost" not in d
env.close()
"""
    run(PRELUDE + code, tmp_path / "e")


def test_a_fork_beside_busy_threads(tmp_path: Path) -> None:
    code = """
stop = threading.Event()
def busy(n):
    while not stop.is_set():
        d[str(n)] = d.get(str(n), 0) + 1
        list(d)
threads = [threading.Thread(target=busy, args=(n,)) for n in range(3)]
for thread in threads:
    thread.start()
for n in range(10):
    child(lambda: d.increment("children") and s.add(str(n)))
stop.set()
for thread in threads:
    thread.join()
assert d["children"] == 10 and len(s) == 11
env.close()
"""
    # Python 3.12 warns of forks in processes with threads, which this test needs.
    run("import warnings; warnings.simplefilter('ignore')\n" + PRELUDE + code, tmp_path / "e")


def test_no_warnings_and_no_harm_at_the_end(tmp_path: Path) -> None:
    code = """
import gc, warnings
other = Environment(sys.argv[1] + "2")
more = PersistentDict(other, "d")
more["k"] = [1]
other.close()
del other, more
gc.collect()
# Left open, with an iterator, a view and a transaction on it, in a cycle and in a thread.
rows = PersistentDict(env, "rows", key=str, value="f32[4]")
rows["a"] = [1, 2, 3, 4]
block = env.snapshot()
block.__enter__()
view = rows["a"]
keys = iter(d)
next(keys)
class Cycle: pass
cycle = Cycle()
cycle.me, cycle.env, cycle.view = cycle, env, view
threading.Thread(target=lambda: setattr(cycle, "t", env.transaction().__enter__())).start()
"""
    run(PRELUDE + code, tmp_path / "e")


# Objects passed to workers, by pickle or by fork.


def square(numbers: PersistentDict[int, int], squares: PersistentDict[int, int], n: int) -> int:
    squares[n] = numbers[n] ** 2
    return os.getpid()


def count(seen: PersistentSet[int], n: int) -> int:
    with seen.environment.transaction():
        seen.add(n)
        return len(seen)


@pytest.fixture
def numbers(env: Environment) -> PersistentDict[int, int]:
    d = PersistentDict[int, int](env, "numbers")
    d.update((n, n) for n in range(ITEMS))
    return d


def methods() -> list[str]:
    return [name for name in ("fork", "spawn") if name in multiprocessing.get_all_start_methods()]


@pytest.fixture(params=methods())
def context(request: pytest.FixtureRequest) -> Any:
    return multiprocessing.get_context(request.param)


pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def test_a_pool(env: Environment, numbers: PersistentDict[int, int], context: Any) -> None:
    squares = PersistentDict[int, int](env, "squares")
    with context.Pool(2) as pool:
        pids = pool.starmap(square, [(numbers, squares, n) for n in range(ITEMS)], chunksize=4)
    assert os.getpid() not in pids
    assert squares == {n: n * n for n in range(ITEMS)}


def test_futures(env: Environment, context: Any) -> None:
    seen = PersistentSet[int](env, "seen")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as processes:
        counts = list(processes.map(count, [seen] * ITEMS, range(ITEMS)))
    assert sorted(counts) == list(range(1, ITEMS + 1)) and seen == set(range(ITEMS))
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        list(threads.map(count, [seen] * ITEMS, range(ITEMS, 2 * ITEMS)))
    assert seen == set(range(2 * ITEMS))


class Dataset:
    """A data set for a loader like PyTorch's, without code for processes."""

    def __init__(self, env: Environment) -> None:
        self.images: PersistentDict[int, Any] = PersistentDict(
            env, "images", key=int, value="f32[3,4]"
        )
        self.labels = PersistentDict[int, str](env, "labels")

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, str]:
        return self.images[index], self.labels[index]


def load(dataset: Dataset, indices: Any, batches: Any) -> None:
    while (asked := indices.get()) is not None:
        images, labels = zip(*(dataset[index] for index in asked))
        batches.put((asked, np.stack(images), labels))


class Loader:
    """Workers that fetch batches, like those of a PyTorch DataLoader."""

    def __init__(self, dataset: Dataset, context: Any, workers: int = 2) -> None:
        self.indices, self.batches = context.Queue(), context.Queue()
        self.workers = [
            context.Process(target=load, args=(dataset, self.indices, self.batches))
            for _ in range(workers)
        ]
        for worker in self.workers:
            worker.start()

    def epoch(self, length: int) -> Iterator[Any]:
        batches = [list(range(at, at + 4)) for at in range(0, length, 4)]
        for batch in batches:
            self.indices.put(batch)
        for _ in batches:
            try:
                yield self.batches.get(timeout=60)
            except queue.Empty:
                codes = [worker.exitcode for worker in self.workers]
                raise AssertionError(f"no batch; workers ended with {codes}") from None

    def stop(self) -> None:
        for _ in self.workers:
            self.indices.put(None)
        for worker in self.workers:
            worker.join(60)
            assert worker.exitcode == 0


@pytest.mark.parametrize("used_before", [False, True])
def test_a_data_loader(tmp_path: Path, context: Any, used_before: bool) -> None:
    with Environment(tmp_path / "e") as env:
        dataset = Dataset(env)
        dataset.images.put_many(
            range(ITEMS), np.arange(ITEMS * 12, dtype="f4").reshape(ITEMS, 3, 4)
        )
        dataset.labels.update((n, f"label {n}") for n in range(ITEMS))
        if used_before:
            assert dataset[5][1] == "label 5"
        else:
            # As after unpickling: open, but not used yet.
            dataset = Dataset(env)
        loader = Loader(dataset, context)
        for _ in range(2):
            found = sorted(loader.epoch(len(dataset)), key=lambda batch: batch[0])
            assert [index for batch in found for index in batch[0]] == list(range(ITEMS))
            images = np.concatenate([batch[1] for batch in found])
            assert np.array_equal(images, dataset.images.to_numpy())
            assert found[1][2] == ("label 4", "label 5", "label 6", "label 7")
            # The workers see the parent's new writes.
            dataset.images[0] = np.full((3, 4), -1, "f4")
        loader.stop()


def test_pickles_find_their_place_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Environment("e", max_readers=77) as env:
        d = PersistentDict[str, int](env, "d")
        d["a"] = 1
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        again, same, s = pickle.loads(
            pickle.dumps((d, d, PersistentSet[tuple[str, int]](env, "s")))
        )
        assert again == d and again is same and s.environment is again.environment
        assert again.environment.info().max_readers == 77
        again["b"] = 2
        assert d["b"] == 2
        again.environment.close()
        assert d["a"] == 1


def test_many_threads(env: Environment) -> None:
    d = PersistentDict[str, int](env, "d")
    rows: PersistentDict[int, Any] = PersistentDict(env, "rows", key=int, value="f64[4]")
    rows[0] = np.zeros(4)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            mine = PersistentDict[str, int](env, "d")
            for n in range(20):
                d[f"{number}/{n}"] = n
                assert mine[f"{number}/{n}"] == n
                d.increment("all")
                with env.snapshot():
                    view = rows[0]
                    assert len(list(d)) == len(d) and (view == view[0]).all()
                with env.transaction():
                    rows[0] = np.full(4, mine["all"], "f8")
                assert len(mine.prefix(f"{number}/")) == n + 1
                assert (view == view[0]).all()
            mine.close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert d["all"] == 240 and len(d) == 241


@pytest.mark.parametrize("times", range(5))
def test_closing_in_many_threads(tmp_path: Path, times: int) -> None:
    env = Environment(tmp_path / "e", durability="none")
    d = PersistentDict[str, int](env, "d")
    start = threading.Barrier(8)
    failures: list[BaseException] = []

    def close(number: int) -> None:
        start.wait()
        try:
            (d if number % 2 else env).close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=close, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures and env.closed
