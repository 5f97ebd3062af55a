"""Environments of PersistentCollections.jl 0.2, written by LMDB itself, are used in Julia."""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path

import lmdb
from conftest import ROOT

# The calls of LMDB by 0.2, and the example of its README.
OPTIONS = {"map_size": 10_485_760, "mode": 0o755, "max_readers": 126}

PROGRAM = """
using PersistentCollections
env = LMDB.Environment("data", maxdbs=2)
dict = PersistentDict{String,String}(env)
dict1 = PersistentDict{String,String}(env, id="mydict1")
dict2 = PersistentDict{String,Int}(env, id="mydict2")
@assert collect(dict) == ["foo" => "bar"]
@assert dict1["long"] == repeat("x", 9999) && length(dict1) == 300
@assert sum(values(dict2)) == sum(-150:149) && dict2["-7"] == -7
@assert get(PersistentDict{Any,Any}(env, id="mydict1"), "1", "") == "one"
@assert convert(String, PersistentDict{Any,Any}(env)["foo"]) == "bar"
dict["foo"] = "baz"
dict2["new"] = 258
@assert !haskey(delete!(dict1, "1"), "1")
merge!(PersistentDict{String,Int}(env, id="mydict2"), Dict("more" => -1))
@assert close(env)
"""


def test_environments_of_0_2_are_read_and_written_in_julia(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.mkdir()
    with lmdb.open(str(path), max_dbs=2, sync=False, **OPTIONS) as env:
        one, two = env.open_db(b"mydict1"), env.open_db(b"mydict2")

        # Each put was a separate transaction, so that pages were freed and reused.
        def put(key: str, value: bytes, database: object = None) -> None:
            with env.begin(write=True) as txn:
                txn.put(key.encode(), value, db=database)

        put("foo", b"bar")
        for number in range(299):
            put(str(number), b"one" if number == 1 else b"value", one)
        put("long", b"x" * 9999, one)
        for number in range(-150, 150):
            put(str(number), struct.pack("=q", number), two)
    julia = [os.environ["JULIA"], "--startup-file=no", f"--project={ROOT / 'bindings' / 'julia'}"]
    done = subprocess.run([*julia, "-e", PROGRAM], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # The lock file is created again: LMDB's release and its main branch cannot share one.
    (path / "lock.mdb").unlink()
    with lmdb.open(str(path), max_dbs=2, **OPTIONS) as env, env.begin() as txn:
        one, two = env.open_db(b"mydict1", txn), env.open_db(b"mydict2", txn)
        assert txn.get(b"foo") == b"baz"
        assert txn.get(b"1", db=one) is None
        assert txn.stat(one)["entries"] == 299
        assert txn.get(b"new", db=two) == struct.pack("=q", 258)
        assert txn.get(b"more", db=two) == struct.pack("=q", -1)
        # This library has not added anything to another program's environment.
        assert {key for key, _ in txn.cursor()} == {b"foo", b"mydict1", b"mydict2"}
