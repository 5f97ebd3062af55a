"""The first use in the child of a fork reopens everything; threads do not wait for each other."""

from __future__ import annotations

from pathlib import Path

from forking import PRELUDE, STEPS, WATCHED, run


def test_no_thread_waits_for_one_that_waits_for_the_write_lock(tmp_path: Path) -> None:
    """Forked web servers with threads hung until the write timeout.

    Thread A was inside a transaction and reopened its dict; thread B held the package's lock for
    reopening while it waited, in the library, for A's write lock.
    """
    code = """
env.close()
env = Environment(sys.argv[1], durability="none", write_timeout=5)
d, other = PersistentDict[str, int](env, "d"), PersistentDict[str, int](env, "other")
other["b"] = 1

def work():
    global watch
    begun, b_is_in = threading.Event(), threading.Event()
    failures = []

    def in_b(*arguments):
        if threading.current_thread() is b:
            b_is_in.set()

    def use_other():
        begun.wait()
        try:
            assert other["b"] == 1
        except BaseException as error:
            failures.append(error)
        finally:
            b_is_in.set()

    b = threading.Thread(target=use_other)
    watch = in_b
    b.start()
    with env.transaction():
        begun.set()
        b_is_in.wait()
        d["a"] += 1
    b.join()
    assert not failures, failures
    assert d["a"] == 2

child(work)
assert d["a"] == 2
env.close()
"""
    run(WATCHED + PRELUDE + code, tmp_path / "e")


def test_a_snapshot_finds_what_was_open_before_the_fork(tmp_path: Path) -> None:
    """A snapshot in a child raised `ConflictError` ("first used after the snapshot began").

    The dict was open before the fork, but the child reopened it at its first use, inside the
    snapshot; another thread had the write lock when the snapshot began, and committed since.
    """
    code = """
more = [PersistentDict[str, int](env, f"more {n}") for n in range(60)]
for each in more:
    each["n"] = 0

def work():
    begun, in_snapshot, committed = threading.Event(), threading.Event(), threading.Event()
    failures = []

    def write():
        try:
            with env.transaction():
                more[0]["n"] = 1
                begun.set()
                in_snapshot.wait()
        except BaseException as error:
            failures.append(error)
        finally:
            begun.set()
            committed.set()

    thread = threading.Thread(target=write)
    thread.start()
    begun.wait()
    with env.snapshot():
        in_snapshot.set()
        committed.wait()
        assert d["a"] == 1 and "x" in s
        assert not any(each["n"] for each in more)
    thread.join()
    assert not failures, failures
    assert more[0]["n"] == 1

def work_beside_the_parent(wait_for_parent):
    with env.snapshot():
        wait_for_parent()
        assert d["a"] == 1 and "x" in s and "y" not in s
        assert [each["n"] for each in more] == [1] + 59 * [0]
    assert d["a"] == 2 and "y" in s and more[3]["n"] == 33

def between():
    d["a"] = 2
    s.add("y")
    more[3]["n"] = 33

child(work)
child_in_steps(work_beside_the_parent, between)
env.close()
"""
    run(PRELUDE + STEPS + code, tmp_path / "e")


def test_a_transaction_opens_nothing(tmp_path: Path) -> None:
    """Each kind of first use reopens everything before it.

    So a transaction never waits for another thread's opening, and an iteration or a snapshot
    sees every collection.
    """
    code = """
other, gone = PersistentDict[str, int](env, "other"), PersistentDict[str, int](env, "gone")
gone.close()

def first_use(use):
    def work():
        global watch
        opened = []
        watch = lambda environment, name, *rest: opened.append(name)
        use()
        assert sorted(opened) == [b"d", b"other"], opened
        assert d["a"] == 1 and dict(other) == {} and s == {"x"}
        with env.transaction(), env.snapshot():
            assert len(other) == 0 and len(d) == 1
        assert sorted(opened) == [b"d", b"other"], opened
    return work

for use in (
    env.info,
    env.collections,
    lambda: env.transaction().__enter__().abort(),
    lambda: env.snapshot().__enter__().abort(),
    lambda: env.run(int),
    lambda: d["a"],
    lambda: d.get("a"),
    lambda: "a" in d,
    lambda: d.update(a=1),
    lambda: list(s),
    lambda: next(iter(d.items())),
    lambda: s.isdisjoint({"y"}),
    lambda: other.clear(),
    lambda: env.schema("d"),
    lambda: env.readers(),
):
    child(first_use(use))

def opens_another():
    global watch
    opened = []
    watch = lambda environment, name, *rest: opened.append(name)
    PersistentDict(env, "another")
    assert sorted(opened) == [b"another", b"d", b"other"] and opened[-1] == b"another", opened

child(opens_another)
env.close()
"""
    run(WATCHED + PRELUDE + code, tmp_path / "e")


def test_many_threads_at_once(tmp_path: Path) -> None:
    """Of sixty children whose threads each began with a transaction, 25 hung."""
    code = """
env.close()
env = Environment(sys.argv[1], durability="none", write_timeout=10)
sys.setswitchinterval(1e-5)
counters = [PersistentDict[str, int](env, f"counter {n}") for n in range(5)]
for counter in counters:
    counter["n"] = 0

def work():
    start = threading.Barrier(8)
    failures = []

    def use(number):
        start.wait()
        try:
            if number % 2:
                assert counters[number % 5]["n"] >= 0
            with env.transaction():
                for counter in counters[number % 5:]:
                    counter.increment("n")
            with env.snapshot():
                assert counters[4]["n"] >= counters[0]["n"]
            counters[4].increment("n")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures

for _ in range(30):
    child(work)
assert [counter["n"] for counter in counters] == [30 * n for n in (2, 4, 6, 7, 16)]
env.close()
"""
    run(PRELUDE + code, tmp_path / "e")


def test_a_collection_that_cannot_be_reopened_fails_alone(tmp_path: Path) -> None:
    """A collection that cannot be reopened must not prevent a child from using the others."""
    code = """
gone = PersistentDict[str, int](env, "gone")
changed = PersistentDict(env, "changed", key=str, value=int)
guessed = PersistentDict(env, "changed")
guessed["a"] = 1
kind = PersistentDict[str, int](env, "kind")

def work(wait_for_parent):
    wait_for_parent()
    with env.transaction():
        assert d["a"] == 1 and s == {"x"}
        d["b"] = 1
    for call in (lambda: gone["a"], lambda: len(gone), lambda: gone.update(a=1)):
        try:
            call()
        except NoCollectionError as error:
            assert "gone" in str(error), error
        else:
            raise AssertionError("it was dropped")
    # What decodes its values decodes ints.
    for each in (changed, guessed):
        try:
            each["a"]
        except TypeMismatchError as error:
            assert "changed" in str(error), error
        else:
            raise AssertionError("it is another")
    try:
        kind["a"]
    except WrongKindError:
        pass
    else:
        raise AssertionError("it is a set")
    # What is there again is found again.
    PersistentDict[str, int](env, "gone")["a"] = 7
    assert gone["a"] == 7

def between():
    for name in ("gone", "changed", "kind"):
        env.drop(name)
    PersistentDict(env, "changed", key=str, value="any")["a"] = 1.5
    PersistentSet(env, "kind")

child_in_steps(work, between)
assert d["b"] == 1
env.close()
"""
    run(PRELUDE + STEPS + code, tmp_path / "e")


def test_a_collection_closed_while_it_is_reopened_stays_closed(tmp_path: Path) -> None:
    """A collection that one thread closed while another reopened it was open again."""
    code = """
before, first, during = (PersistentDict[str, int](env, name) for name in ("d", "first", "during"))
before.close()

def is_closed(each, named):
    try:
        each["a"]
    except BadHandleError as error:
        assert named in str(error), error
        return True
    return False

def work():
    global watch
    first.close()
    def close_it(environment, name, *rest):
        if name == b"during":
            during.close()
    watch = close_it
    assert d["a"] == 1
    assert is_closed(before, "was closed") and is_closed(first, "was closed")
    assert is_closed(during, "was closed")
    # What was reopened of it too, in the library.
    assert during._held == 0
    env.close()
    assert is_closed(d, "the environment")

def the_environment():
    global watch
    watch = lambda *arguments: env.close()
    for _ in range(2):
        assert is_closed(d, "closed")
    assert env.closed

child(work)
child(the_environment)
assert dict(during) == {}
env.close()
"""
    run(WATCHED + PRELUDE + code, tmp_path / "e")


def test_an_environment_opened_twice_before_the_fork(tmp_path: Path) -> None:
    """For the library, two environments of the same files are one, with one snapshot per thread."""
    code = """
again = Environment(os.path.join(sys.argv[1], "."), durability="none")
elsewhere = Environment(sys.argv[1] + "2", durability="none")
same = [PersistentDict[str, int](again, f"same {n}") for n in range(60)]
for n, each in enumerate(same):
    each["n"] = n
gone = Environment(sys.argv[1], durability="none")
gone.close()

def work(wait_for_parent):
    with env.snapshot():
        wait_for_parent()
        assert [each["n"] for each in same] == list(range(60))
    assert same[7]["n"] == 77
    # Others are left alone until they are used.
    assert not elsewhere._held and elsewhere.info().collections == 0

def between():
    same[7]["n"] = 77

child_in_steps(work, between)
for each in (env, again, elsewhere):
    each.close()
"""
    run(PRELUDE + STEPS + code, tmp_path / "e")
