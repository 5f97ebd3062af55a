"""Data files on file systems that give them another inode, as seen between processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from persistent_collections import Environment, PersistentDict

IS_ROOT = os.geteuid() == 0

OVERLAY = """
import subprocess, sys
from persistent_collections import Environment, Error, PersistentDict

path = sys.argv[1]
with Environment(path, read_only=True) as env:
    d = PersistentDict(env, "d", key=str, value=int)
    assert d["a"] == 1
    write = (
        "import sys; from persistent_collections import *\\n"
        "with Environment(sys.argv[1]) as env: PersistentDict(env, 'd', key=str, value=int)['a'] = 2"
    )
    subprocess.run([sys.executable, "-c", write, path], check=True)
    try:
        print(d["a"])
    except Error as error:
        print(error.status)
    try:
        with env.snapshot():
            print(d["a"])
    except Error as error:
        print(error.status)
with Environment(path, read_only=True) as env:
    print(PersistentDict(env, "d", key=str, value=int)["a"])
"""


def test_a_reader_on_an_overlay_never_reads_old_commits(tmp_path: Path) -> None:
    """A container's reader kept the image's file, and every process that wrote got a copy of it.

    The reader used the commit of the image for ever, without an error.
    """
    (tmp_path / "lower").mkdir()
    with Environment(tmp_path / "lower" / "env") as env:
        PersistentDict(env, "d", key=str, value=int)["a"] = 1
    for name in ("upper", "merged"):
        (tmp_path / name).mkdir()
    script = f"""
set -e
mount -t tmpfs none '{tmp_path}/upper'
mkdir '{tmp_path}/upper/files' '{tmp_path}/upper/work'
layers='lowerdir={tmp_path}/lower,upperdir={tmp_path}/upper/files,workdir={tmp_path}/upper/work'
mount -t overlay overlay -o "$layers" '{tmp_path}/merged'
exec "$@"
"""
    command = ["unshare", "-m", *([] if IS_ROOT else ["-r"]), "sh", "-c", script, "sh"]
    program = [sys.executable, "-c", OVERLAY, str(tmp_path / "merged" / "env")]
    done = subprocess.run([*command, *program], capture_output=True, text=True, check=True)
    # The file that the reader has open was replaced (-23), or the system follows the change by itself.
    assert done.stdout.split() in (["-23", "-23", "2"], ["2", "2", "2"]), done.stdout
