"""An environment stays the one that was opened, whatever happens to its path."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from forking import run

from persistent_collections import (
    BadHandleError,
    Environment,
    Error,
    InSnapshotError,
    NoCollectionError,
    NoEnvironmentError,
    PersistentDict,
    PersistentSet,
)


def write_elsewhere(path: Path, key: str, value: int) -> None:
    """Another process stores an item of `d`."""
    code = (
        "import sys; from persistent_collections import *\n"
        "with Environment(sys.argv[1], create=False, durability='none') as env:\n"
        "    PersistentDict[str, int](env, 'd', create=False)[sys.argv[2]] = int(sys.argv[3])\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path), key, str(value)], check=True)


def made(path: Path, **items: int) -> Path:
    with Environment(path, durability="none") as env:
        PersistentDict[str, int](env, "d").update(items)
    return path


def content(path: Path) -> dict[str, int]:
    with Environment(path, create=False, durability="none") as env:
        return dict(PersistentDict[str, int](env, "d", create=False).items())


def is_isolated(env: Environment, d: PersistentDict[str, int], place: Path) -> None:
    """Checks that a snapshot sees one moment while another process writes at `place`."""
    d["x"] = 1
    with env.snapshot():
        with pytest.raises(InSnapshotError):
            d["x"] = 2
        write_elsewhere(place, "x", 3)
        assert d["x"] == 1
    assert d["x"] == 3
    with env.transaction():
        d["x"] = 4
        with env.snapshot():
            assert d["x"] == 4
    assert d["x"] == 4


def in_child(work: Callable[[], None]) -> None:
    """Runs a function in a fork, which must succeed."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.fixture(params=["fresh", "used"])
def used(request: pytest.FixtureRequest) -> bool:
    """Whether a snapshot was begun before."""
    return bool(request.param == "used")


@pytest.fixture
def opened(tmp_path: Path, used: bool) -> Iterator[Callable[..., Environment]]:
    """Opens an environment with `d`, and a snapshot of it."""
    envs = []

    def open_it(path: object, **options: object) -> Environment:
        env = Environment(path, durability="none", **options)  # type: ignore[arg-type]
        envs.append(env)
        if used:
            with env.snapshot():
                env.collections()
        return env

    yield open_it
    for env in envs:
        env.close()


pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def test_a_flipped_link(tmp_path: Path, opened: Callable[..., Environment]) -> None:
    """A deployment changed the link `current` to v2: snapshots of the open environment were wrong.

    The first of them opened the path again, and so began in v2's environment, while all other calls
    used v1's. A write inside it was accepted.
    """
    v1, v2 = made(tmp_path / "v1"), made(tmp_path / "v2", x=-2)
    link = tmp_path / "current"
    link.symlink_to("v1")
    env = opened(link)
    d = PersistentDict[str, int](env, "d")
    link.unlink()
    link.symlink_to("v2")
    is_isolated(env, d, v1)
    in_child(lambda: is_isolated(env, d, v1))
    assert d["x"] == 4
    assert content(v2) == {"x": -2}


def test_another_environment_in_its_place(
    tmp_path: Path, opened: Callable[..., Environment]
) -> None:
    """A child opened the path again, and used the environment that was there now."""
    place, away = made(tmp_path / "e"), tmp_path / "away"
    env = opened(place)
    d = PersistentDict[str, int](env, "d")
    place.rename(away)
    made(place, x=-2)
    is_isolated(env, d, away)
    in_child(lambda: is_isolated(env, d, away))
    # And its child, immediately and after a use.
    in_child(lambda: in_child(lambda: is_isolated(env, d, away)))

    def used_before() -> None:
        d["y"] = 1
        in_child(lambda: is_isolated(env, d, away))
        assert d["x"] == 4

    in_child(used_before)
    assert content(place) == {"x": -2} and d["x"] == 4


@pytest.mark.parametrize("no_subdir", [False, True])
def test_a_renamed_directory(
    tmp_path: Path, opened: Callable[..., Environment], no_subdir: bool
) -> None:
    """The first snapshot after a rename created an empty environment at the old path."""
    base, away = tmp_path / "base", tmp_path / "away"
    base.mkdir()
    env = opened(base / "e", no_subdir=no_subdir)
    d = PersistentDict[str, int](env, "d")
    base.rename(away)
    base.mkdir()

    def in_both() -> None:
        d["x"] = 1
        with env.snapshot():
            with pytest.raises(InSnapshotError):
                d["x"] = 2
            assert d["x"] == 1
        d["x"] = 3
        with env.snapshot():
            assert d["x"] == 3

    in_both()
    in_child(in_both)
    assert list(base.iterdir()) == []
    assert d["x"] == 3


def test_a_removed_directory(tmp_path: Path, opened: Callable[..., Environment]) -> None:
    """The first snapshot after the removal of an environment's directory created it again, empty.

    Other processes cannot reach the open files: reads may work, or report the removal.
    """
    place = tmp_path / "base" / "e"
    place.parent.mkdir()
    env = opened(place)
    d = PersistentDict[str, int](env, "d")
    d["x"] = 1
    shutil.rmtree(place)

    def use() -> None:
        try:
            with env.snapshot():
                assert d["x"] == 1
        except Error as error:
            assert not isinstance(error, (BadHandleError, NoCollectionError)), error

    use()
    in_child(use)
    assert not place.exists()
    shutil.rmtree(place.parent)
    use()
    in_child(use)
    assert not place.parent.exists()
    # Nor is it confused with another one that is created there.
    place.parent.mkdir()
    made(place, x=-2)
    use()
    in_child(use)
    assert content(place) == {"x": -2}


def test_another_working_directory(
    tmp_path: Path, opened: Callable[..., Environment], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    env = opened("e")
    d = PersistentDict[str, int](env, "d")
    monkeypatch.chdir(tmp_path / "there")
    is_isolated(env, d, tmp_path / "here" / "e")
    in_child(lambda: is_isolated(env, d, tmp_path / "here" / "e"))
    assert pickle.loads(pickle.dumps(d)) == d
    assert list((tmp_path / "there").iterdir()) == []


def test_a_path_is_the_systems_to_resolve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, used: bool
) -> None:
    """`link/../e` was shortened to `e`, which is wrong if the link leads to another directory."""
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "away")
    made(tmp_path / "far" / "e", x=1)
    monkeypatch.chdir(tmp_path)
    for path in ("link/../e", tmp_path / "link" / ".." / "e", b"link/../e"):
        with Environment(path, durability="none") as env:  # type: ignore[arg-type]
            d = PersistentDict[str, int](env, "d")
            assert d == {"x": 1}
            with env.snapshot():
                assert d == {"x": 1}
            again = pickle.loads(pickle.dumps(d))
            assert again == {"x": 1}
            again.environment.close()
    assert not (tmp_path / "e").exists()


# The path becomes unreachable, in a separate process, since that cannot be undone. A user without
# the rights removes the permission to search a parent directory instead, with the same effect.
CUT_OFF = """
import os, sys
from persistent_collections import *

base, how = sys.argv[1:3]
os.makedirs(os.path.join(base, "new root"))
os.mkdir(os.path.join(base, "e"))
# All may write: what is tested is the way there.
os.umask(0)
os.chmod(os.path.join(base, "e"), 0o777)
env = Environment(os.path.join(base, "e"), durability="none", mode=0o666)
d, s = PersistentDict[str, int](env, "d"), PersistentSet[str](env, "s")
d["x"] = 1
if "used" in how:
    with env.snapshot():
        assert d["x"] == 1

def cut_off():
    if os.getuid() != 0:
        os.chmod(base, 0)
        return
    try:
        if how.startswith("chroot"):
            os.chroot(os.path.join(base, "new root"))
            os.chdir("/")
        else:
            os.chmod(base, 0o700)
            os.setgid(65534)
            os.setuid(65534)
    except PermissionError:
        # A container may not let its root.
        os.rename(base, base + " away")

def use(value):
    d["x"] = value
    with env.snapshot():
        try:
            d["x"] = -1
        except InSnapshotError:
            pass
        else:
            raise AssertionError("a write inside a snapshot was accepted")
        assert d["x"] == value
    with env.transaction():
        d["x"] += 1
        s.add(str(value))
    with env.snapshot():
        assert d["x"] == value + 1 and str(value) in s
    assert env.info().collections == 2

def child(work):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

# In another root there may be no way to the files but by what is open.
def says_so():
    for call in (
        lambda: d["x"],
        lambda: d.update(x=-1),
        lambda: len(s),
        env.info,
        env.snapshot().__enter__,
        env.transaction().__enter__,
    ):
        try:
            call()
        except ReplacedError as error:
            assert len(str(error)) > 20, error
        else:
            raise AssertionError("it was found")
    env.close()

try:
    cut_off()
    assert not os.path.exists(os.path.join(base, "e", "data.mdb"))
    use(10)
    if os.path.exists("/proc/self/fd"):
        child(lambda: use(20))
        child(lambda: child(lambda: use(30)))
    else:
        child(says_so)
        child(lambda: child(says_so))
        use(20)
        use(30)
    assert d["x"] == 31 and len(s) == 3
    env.close()
finally:
    if os.path.exists(base + " away"):
        os.rename(base + " away", base)
"""


@pytest.mark.parametrize("how", ["chroot", "setuid"])
def test_a_path_that_became_unreachable(tmp_path: Path, how: str, used: bool) -> None:
    """After `chroot` or `setuid`, snapshots failed while other calls worked; children failed."""
    base = tmp_path / "base"
    try:
        # `make coverage` counts lines in child processes; this one cannot reach the count files.
        steps = Path(f"{how} {'used' if used else 'fresh'}")
        run(CUT_OFF, base, steps, COVERAGE_PROCESS_CONFIG=None)
    finally:
        base.chmod(0o700)
    assert sorted(path.name for path in base.iterdir()) == ["e", "new root"]
    assert list((base / "new root").iterdir()) == []
    assert content(base / "e")["x"] == 31


CHANGED_ROOT = """
import datetime, decimal, os, sys, uuid
from persistent_collections import Environment, PersistentDict, PersistentSet

base = sys.argv[1]
day, moment = datetime.date(2024, 1, 3), datetime.datetime(2024, 1, 3, 12)
items = [
    ("any", "any", ("tea", 1), {"cost": decimal.Decimal("1.5"), "when": moment, "all": {1, 2}}),
    ("date", "datetime", day, moment),
    ("uuid", "date", uuid.UUID(int=7), day),
    ("(str,date)", "any", ("tea", day), {"x": 0.5, "n": 3}),
    ("(str,i64)", "any", ("tea", 7), [1, None, "x", b"y"]),
]
with Environment(base + "/e", durability="none") as env:
    dicts = [
        PersistentDict(env, f"d{n}", key=key, value=value)
        for n, (key, value, *_) in enumerate(items)
    ]
    days = PersistentSet(env, "days", element="date")
    os.mkdir(base + "/root")
    try:
        os.chroot(base + "/root")
    except PermissionError:
        sys.exit(0)
    for d, (_, _, key, value) in zip(dicts, items):
        d[key] = value
        assert d[key] == value, d
        assert list(d) == [key] and key in d and len(d.get_many([key])) == 1
        with env.snapshot():
            assert list(d.values()) == [d[key]]
        try:
            d[key] = object()
        except (TypeError, ValueError):
            pass
        else:
            raise AssertionError("an object was stored")
        try:
            d[object()]
        except (KeyError, TypeError):
            pass
        d.clear()
    days.add(day)
    assert day in days and list(days) == [day] and days.pop() == day
"""


def test_what_an_open_collection_needs_is_loaded(tmp_path: Path) -> None:
    """After `chroot`, the first value of type `any` failed with an ImportError."""
    run(CHANGED_ROOT, tmp_path, COVERAGE_PROCESS_CONFIG=None)


# Pickles, which name a path.


def test_a_pickle_does_not_create_an_environment(tmp_path: Path) -> None:
    """Loading a pickle whose environment was gone created an empty one at its path."""
    place = tmp_path / "e"
    with Environment(place, durability="none") as env:
        d = PersistentDict[str, int](env, "d")
        s = PersistentSet[str](env, "s")
        d["x"] = 1
        s.add("y")
        pickles = [pickle.dumps(each) for each in (env, d, s)]
    place.rename(tmp_path / "away")
    for each in pickles:
        with pytest.raises(NoEnvironmentError):
            pickle.loads(each)
    assert not place.exists()
    (tmp_path / "away").rename(place)
    again = pickle.loads(pickles[1])
    assert again == {"x": 1}
    # And once more, with the object that came from a pickle.
    twice = pickle.loads(pickle.dumps(again))
    assert twice == {"x": 1}
    twice.environment.close()
    with again.environment as env:
        env.drop("d")
        env.drop("s")
        for each in pickles[1:]:
            with pytest.raises(NoCollectionError):
                pickle.loads(each)
        assert env.collections() == []


def test_a_pickle_of_an_environment_without_an_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The working directory may have no path, for example after `chroot`; only pickles fail."""
    monkeypatch.chdir(tmp_path)

    def no_path() -> str:
        raise FileNotFoundError("as where the working directory was removed")

    monkeypatch.setattr(os, "getcwd", no_path)
    with Environment("e", durability="none") as env:
        d = PersistentDict[str, int](env, "d")
        d["x"] = 1
        with env.snapshot():
            assert d == {"x": 1}
        with pytest.raises(pickle.PicklingError, match="absolute path"):
            pickle.dumps(d)
