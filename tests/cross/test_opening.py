"""Opening between processes: interrupted creations, and reasons to refuse an opening."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import lmdb_side
import pytest
from conftest import Compiler

from persistent_collections import Environment, PersistentDict

PC_ERR_PERMISSION = -11
PC_ERR_LOCK_VERSION = -16
PC_ERR_NETWORK_FS = -17
PC_ERR_PID_CLASH = -18
PC_ERR_READ_ONLY = -57
READ_ONLY, IMMUTABLE, NO_CREATE, NO_SUBDIR = 1, 2, 4, 8
HERE = Path(__file__).parent
IS_ROOT = os.geteuid() == 0
NOBODY = 65534
#: Its first process has the id 1; a user who is not root creates one as root of a user namespace.
OTHER_NAMESPACE = ["unshare", *([] if IS_ROOT else ["-r"]), "-pf", "--kill-child"]
PAGE = os.sysconf("SC_PAGESIZE")


class Opener:
    """A process that opens an environment on command."""

    def __init__(self, program: Path, path: Path, key: str, flags: int, **settings: str) -> None:
        self.path = path
        command = [str(program), str(path), str(flags), key]
        namespace = settings.pop("namespace", None)
        tell = settings.get("SHIM_TELL")
        self.process = subprocess.Popen(
            [*OTHER_NAMESPACE, *command] if namespace else command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **settings},
            pass_fds=[int(tell)] if tell else [],
        )

    def start(self) -> None:
        """Lets it open."""
        assert self.process.stdin
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def outcome(self) -> tuple[int, str]:
        """Returns status and message; after a death by a signal, the status is its negative number."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            return self.process.wait(timeout=60), "killed"
        status, _, message = line.strip().partition(" ")
        return int(status), message

    def end(self) -> None:
        """Lets it close, and waits for its end."""
        self.process.communicate(timeout=60)


class Openers:
    """Creates openers, and ends the remaining ones."""

    def __init__(self, compiler: Compiler) -> None:
        self.program = compiler.compile(HERE / "opener.c")
        self.shim = compiler.directory / "opening_shim.so"
        source = str(HERE / "opening_shim.c")
        flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-g"]
        cc = os.environ.get("CC", "cc")
        subprocess.run([cc, *flags, source, "-o", str(self.shim)], check=True)
        self.all: list[Opener] = []

    def make(self, path: Path, key: str = "", flags: int = 0, **settings: str) -> Opener:
        """Starts an opener that waits for the command."""
        if any(name.startswith("SHIM_") for name in settings):
            settings["LD_PRELOAD"] = str(self.shim)
        self.all.append(Opener(self.program, path, key, flags, **settings))
        return self.all[-1]

    def begin(self, path: Path, key: str = "", flags: int = 0, **settings: str) -> Opener:
        """Starts an opener that opens at once."""
        opener = self.make(path, key, flags, **settings)
        opener.start()
        return opener

    def open(self, path: Path, key: str = "", flags: int = 0, **settings: str) -> tuple[int, str]:
        """Opens and closes; returns status and message."""
        opener = self.begin(path, key, flags, **settings)
        outcome = opener.outcome()
        opener.end()
        return outcome

    def close(self) -> None:
        """Ends the processes that a failed test has left."""
        for opener in self.all:
            if opener.process.poll() is None:
                opener.process.kill()
            opener.process.communicate()


@pytest.fixture
def openers(compiler: Compiler) -> Iterator[Openers]:
    """Provides processes that open environments."""
    made = Openers(compiler)
    yield made
    made.close()


@pytest.fixture
def public() -> Iterator[Path]:
    """Provides a directory that every user can reach."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory)
        path.chmod(0o755)
        yield path


def keys(path: Path, **options: bool) -> list[str]:
    """Returns the entries that the openers have stored."""
    with Environment(path, **options) as env:
        return list(PersistentDict(env, "keys", key=str, value=str))


def new_data_file(directory: Path) -> bytes:
    """Returns the content of a data file without a commit."""
    Environment(directory / "new").close()
    content = (directory / "new" / "data.mdb").read_bytes()
    shutil.rmtree(directory / "new")
    assert len(content) == 2 * PAGE
    return content


# Interrupted creations.


@pytest.mark.parametrize("flags", [0, NO_SUBDIR])
@pytest.mark.parametrize("half", [False, True])
def test_a_creation_killed_at_any_call_is_completed_by_the_next(
    openers: Openers, tmp_path: Path, flags: int, half: bool
) -> None:
    settings = {"SHIM_HALF": "1"} if half else {}
    sizes = set()
    for call in range(1, 1000):
        path = tmp_path / str(call)
        shim = {"SHIM_DIRECTORY": str(tmp_path), "SHIM_KILL_AT": str(call), **settings}
        status, message = openers.open(path, "first", flags, **shim)
        if status == 0:
            break
        assert status == -signal.SIGKILL, message
        data = path if flags else path / "data.mdb"
        sizes.add(data.stat().st_size if data.exists() else None)
        assert openers.open(path, "second", flags) == (0, ""), f"after call {call}"
        assert openers.open(path, "", flags | READ_ONLY) == (0, "")
        assert keys(path, no_subdir=bool(flags)) in (["second"], ["first", "second"])
    # The creations ended at every step: no file, an empty one, one without commits, one with some.
    assert call > 20
    assert {None, 2 * PAGE * 9 // 16 if half else 0, 2 * PAGE} < sizes


@pytest.mark.parametrize("start", ["nothing", "directory", "empty", "zeros", "half", "stale locks"])
def test_processes_that_create_at_the_same_time_share_one(
    openers: Openers, tmp_path: Path, start: str
) -> None:
    made = new_data_file(tmp_path)
    contents = {"empty": b"", "zeros": bytes(2 * PAGE), "half": made[: PAGE + 100]}
    for number in range(10):
        path = tmp_path / str(number)
        if start != "nothing":
            path.mkdir()
        if start in contents:
            (path / "data.mdb").write_bytes(contents[start])
        if start == "stale locks":
            (path / "data.mdb").write_bytes(made[: PAGE + 100])
            (path / "lock.mdb").write_bytes(b"\xff" * 8192)
        together = [openers.make(path, f"key {i}") for i in range(4)]
        for opener in together:
            opener.start()
        assert [opener.outcome() for opener in together] == [(0, "")] * 4
        for opener in together:
            opener.end()
        assert keys(path) == [f"key {i}" for i in range(4)]


@pytest.mark.parametrize("flags", [0, READ_ONLY])
def test_an_opening_waits_for_a_living_creator(openers: Openers, tmp_path: Path, flags: int) -> None:
    made = new_data_file(tmp_path)
    path = tmp_path / "env"
    path.mkdir()
    data = path / "data.mdb"
    # Like LMDB, it holds an exclusive lock on the lock file's first byte while it creates the data file.
    with open(path / "lock.mdb", "w+b") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX, 1)
        data.write_bytes(made[:PAGE])
        inode = data.stat().st_ino
        told, tell = os.pipe()
        opener = openers.begin(path, "", flags, SHIM_DIRECTORY=str(path), SHIM_TELL=str(tell))
        os.close(tell)
        assert os.read(told, 1) == b"w"
        os.close(told)
        # It has seen the incomplete file, waits for the lock, and has not changed anything.
        assert data.read_bytes() == made[:PAGE]
        with open(data, "r+b") as file:
            file.write(made)
    assert opener.outcome() == (0, "")
    assert data.stat().st_ino == inode
    opener.end()


def test_a_creator_of_another_library_does_not_block_an_opening(openers: Openers, tmp_path: Path) -> None:
    made = new_data_file(tmp_path)
    path = tmp_path / "env"
    path.mkdir()
    (path / "data.mdb").write_bytes(made[: PAGE + 1])
    assert openers.open(path, "key") == (0, "")
    assert lmdb_side.elsewhere(lmdb_side.read_all, path)[b"keys"] == [(b"key", b"there")]


# Reasons to refuse an opening.


@pytest.mark.parametrize(
    ("kind", "name"),
    [("6969", "NFS"), ("ff534d42", "CIFS"), ("fe534d42", "SMB2"), ("c36400", "Ceph")],
)
def test_network_file_systems_are_refused(openers: Openers, tmp_path: Path, kind: str, name: str) -> None:
    path = tmp_path / "env"
    shim = {"SHIM_DIRECTORY": str(tmp_path), "SHIM_STATFS": kind}
    status, message = openers.open(path, "key", **shim)
    assert status == PC_ERR_NETWORK_FS
    assert name in message
    assert not path.exists(), "nothing is made there"
    assert openers.open(path, "key") == (0, "")
    before = (path / "data.mdb").read_bytes()
    assert openers.open(path, "", READ_ONLY, **shim)[0] == PC_ERR_NETWORK_FS
    assert (path / "data.mdb").read_bytes() == before
    # Without a writer, it needs neither locks nor shared memory.
    assert openers.open(path, "", IMMUTABLE, **shim) == (0, "")


@pytest.mark.parametrize("kind", ["ef53", "1021994", "65735546", "1021997"])
def test_local_file_systems_fuse_and_9p_are_not_refused(openers: Openers, tmp_path: Path, kind: str) -> None:
    shim = {"SHIM_DIRECTORY": str(tmp_path), "SHIM_STATFS": kind}
    assert openers.open(tmp_path / "env", "key", **shim) == (0, "")


def test_network_file_systems_are_refused_where_links_lead(openers: Openers, tmp_path: Path) -> None:
    remote, link = tmp_path / "remote", tmp_path / "link"
    assert openers.open(remote, "key") == (0, "")
    link.symlink_to(remote)
    shim = {"SHIM_DIRECTORY": str(tmp_path), "SHIM_STATFS": "6969", "SHIM_STATFS_UNDER": str(remote)}
    status, message = openers.open(link, "key", **shim)
    assert status == PC_ERR_NETWORK_FS
    assert str(remote) in message


LIVE_LMDB = """
import lmdb, sys
env = lmdb.open(sys.argv[1], max_dbs=4)
with env.begin() as txn:
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("flags", [0, READ_ONLY])
def test_a_process_with_another_build_of_lmdb_is_reported(
    openers: Openers, tmp_path: Path, flags: int
) -> None:
    path = tmp_path / "env"
    assert openers.open(path, "key") == (0, "")
    with subprocess.Popen(
        [sys.executable, "-c", LIVE_LMDB, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout and other.stdin
        assert other.stdout.readline() == "open\n"
        before = (path / "data.mdb").read_bytes(), (path / "lock.mdb").read_bytes()
        status, message = openers.open(path, "", flags)
        assert status == PC_ERR_LOCK_VERSION
        assert "another build of LMDB" in message and str(path) in message
        assert ((path / "data.mdb").read_bytes(), (path / "lock.mdb").read_bytes()) == before
        other.stdin.close()
    assert openers.open(path, "later", flags=0) == (0, "")


def test_a_pid_clash_is_reported(openers: Openers, tmp_path: Path) -> None:
    path = tmp_path / "env"
    holder = openers.begin(path, "key")
    assert holder.outcome() == (0, "")
    opener = openers.make(path)
    # A reader locks the byte at its process id, and so does a process with the same id.
    with open(path / "lock.mdb", "r+b") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX, 1, opener.process.pid)
        opener.start()
        status, message = opener.outcome()
    assert status == PC_ERR_PID_CLASH
    assert str(opener.process.pid) in message and "container" in message
    assert openers.open(path, "again") == (0, "")


def test_two_process_namespaces_clash(openers: Openers, tmp_path: Path) -> None:
    path = tmp_path / "env"
    first = openers.begin(path, "key", namespace="1")
    assert first.outcome() == (0, "")
    status, message = openers.open(path, "", namespace="1")
    assert status == PC_ERR_PID_CLASH
    assert "this process's id 1 " in message


def test_a_missing_permission_is_reported(openers: Openers, public: Path) -> None:
    user = {"OPENER_UID": str(NOBODY)} if IS_ROOT else {}
    path = public / "env"
    assert openers.open(path, "key") == (0, "")
    data, locks = path / "data.mdb", [path / "lock.mdb", path / "lock.pc"]
    before = data.read_bytes()

    def refused(part: str, flags: int = 0, at: Path = path) -> None:
        status, message = openers.open(at, "", flags, **user)
        assert status == PC_ERR_PERMISSION, message
        assert part in message, message
        assert data.read_bytes() == before

    for file in (data, *locks):
        file.chmod(0o444)
    path.chmod(0o555)
    refused("cannot be opened for writing")
    refused("lock.mdb", READ_ONLY)
    assert openers.open(path, "", IMMUTABLE, **user) == (0, "")
    data.chmod(0o000)
    refused("data.mdb", READ_ONLY)
    refused("data.mdb", IMMUTABLE)
    public.chmod(0o555)
    refused("new", at=public / "new")
    path.chmod(0o000)
    refused("env")
    for directory in (public, path):
        directory.chmod(0o755)


def test_a_parent_directory_that_may_not_be_read_is_synced(openers: Openers, public: Path) -> None:
    user = {"OPENER_UID": str(NOBODY)} if IS_ROOT else {}
    path = public / "env"
    path.mkdir()
    if IS_ROOT:
        os.chown(path, NOBODY, NOBODY)
    public.chmod(0o311)
    assert openers.open(path, "key", **user) == (0, "")
    public.chmod(0o755)
    assert keys(path) == ["key"]


def test_a_read_only_mount(openers: Openers, public: Path) -> None:
    path = public / "env"
    assert openers.open(path, "key") == (0, "")
    (path / "lock.mdb").unlink()
    (path / "lock.pc").unlink()
    before = (path / "data.mdb").read_bytes()
    with contextlib.ExitStack() as stack:
        user = {}
        if IS_ROOT:
            for options in (["--bind", str(path)], ["-o", "remount,bind,ro"]):
                subprocess.run(["mount", *options, str(path)], check=True)
                if "--bind" in options:
                    stack.callback(subprocess.run, ["umount", str(path)], check=True)
        else:
            path.chmod(0o555)
            stack.callback(path.chmod, 0o755)
        status, message = openers.open(path, "", **user)
        assert status == PC_ERR_PERMISSION
        assert "read_only" in message
        assert openers.open(path, "", IMMUTABLE) == (0, "")
        assert openers.open(path, "new", IMMUTABLE)[0] == PC_ERR_READ_ONLY
        if IS_ROOT:
            # Writing is impossible there, so readers need no lock file.
            assert openers.open(path, "", READ_ONLY) == (0, "")
            assert openers.open(path, "new", READ_ONLY)[0] == PC_ERR_READ_ONLY
            assert openers.open(path / "other")[0] == PC_ERR_PERMISSION
    assert (path / "data.mdb").read_bytes() == before
    assert sorted(file.name for file in path.iterdir()) == ["data.mdb"]


def test_a_child_leaves_the_background_flush_alone(tmp_path: Path) -> None:
    program = """
import os, sys
from persistent_collections import Environment, PersistentDict
env = Environment(sys.argv[1], durability="none", flush_interval=0.001)
keys = PersistentDict(env, "keys", key=str, value=str)
for turn in range(20):
    keys[str(turn)] = "parent"
    if os.fork() == 0:
        with Environment(sys.argv[1], durability="none", flush_interval=0.001) as own:
            PersistentDict(own, "keys", key=str, value=str)[f"child {turn}"] = "child"
        sys.exit(7)
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 7
env.flush()
env.close()
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "env")], check=True, timeout=120)
    assert len(keys(tmp_path / "env")) == 40
