"""Iterators inside and outside of transactions, across the bounds of batches."""

from __future__ import annotations

import gc

import pytest

from persistent_collections import BadHandleError, Environment, PersistentDict, PersistentSet

MANY = 20_000


@pytest.fixture
def d(env: Environment) -> PersistentDict[int, int]:
    numbers = PersistentDict[int, int](env, "d")
    numbers.update((n, -n) for n in range(MANY))
    return numbers


def test_all_of_many(d: PersistentDict[int, int]) -> None:
    assert list(d) == list(range(MANY))
    assert list(reversed(d)) == list(range(MANY))[::-1]
    assert list(d.items()) == [(n, -n) for n in range(MANY)]
    assert list(d.range(100, 9_000)) == list(range(100, 9_000))
    assert len(d.range(100, 9_000)) == 8_900


def test_texts_of_varying_length(env: Environment) -> None:
    texts = PersistentDict[str, str](env, "texts")
    expected = {f"{n:05}" + n % 7 * "x": n % 11 * "y" for n in range(3_000)}
    texts.update(expected)
    assert dict(texts) == expected and list(texts) == sorted(expected)


def test_changed_while_iterated(d: PersistentDict[int, int]) -> None:
    seen = []
    for key in d:
        seen.append(key)
        if key % 64 == 0:
            d.remove_range(key + 1, key + 50)
            d[MANY + key] = 0
    assert seen == list(range(MANY))
    assert len(d) < MANY


def test_in_a_transaction_own_writes_are_seen(
    env: Environment, d: PersistentDict[int, int]
) -> None:
    seen = []
    with env.transaction():
        for key in d:
            seen.append(key)
            d.pop(key + 1, None)
            if key == 10:
                d[MANY + 1] = 0
            if key > 500:
                d.remove_range(key + 1, MANY)
    assert seen == [*range(0, 503, 2), MANY + 1]
    backwards = []
    with env.transaction():
        for key in reversed(d):
            backwards.append(key)
            del d[key]
            d.pop(key - 2, None)
    assert backwards == [MANY + 1, *range(502, -1, -4)]


def test_the_key_just_seen_may_go_or_stay(env: Environment, d: PersistentDict[int, int]) -> None:
    with env.transaction():
        for key, value in d.items():
            d[key] = value - 1
            if key % 3 == 0:
                del d[key]
    assert dict(d) == {n: -n - 1 for n in range(MANY) if n % 3}


def test_an_iterator_ends_with_its_transaction(
    env: Environment, d: PersistentDict[int, int]
) -> None:
    for block in (env.transaction, env.snapshot):
        with block():
            keys = iter(d)
            next(keys)
        with pytest.raises(BadHandleError):
            next(keys)
        with pytest.raises(StopIteration):
            next(keys)


def test_an_iterator_outside_keeps_its_moment(
    env: Environment, d: PersistentDict[int, int]
) -> None:
    keys = iter(d)
    d.clear()
    assert next(keys) == 0
    with env.transaction():
        d[5] = 5
        assert list(keys) == list(range(1, MANY))
    assert list(d) == [5]


def test_dropped_iterators_release_their_snapshots(
    env: Environment, d: PersistentDict[int, int]
) -> None:
    for _ in range(3000):
        iter(d)
        next(iter(d.items()))
    gc.collect()
    d[0] = 1
    information = env.info()
    assert information.oldest_reader_commit == information.last_commit


def test_closing_ends_iterators(d: PersistentDict[int, int]) -> None:
    keys = iter(d)
    next(keys)
    d.close()
    with pytest.raises(BadHandleError):
        list(keys)


def test_sets_in_a_transaction(env: Environment) -> None:
    s = PersistentSet[str](env, "s")
    s.update(f"{n:04}" for n in range(1000))
    with env.transaction():
        for element in s:
            s.discard(f"{int(element) + 1:04}")
    assert len(s) == 500


def test_a_walk_keeps_its_collection_open(env: Environment) -> None:
    count = 20_000
    PersistentDict(env, "long", key=int, value=int).update((n, n) for n in range(count))
    PersistentSet(env, "long set", element=int).update(range(count))
    assert sum(1 for _ in PersistentDict(env, "long").items()) == count
    assert sum(1 for _ in PersistentDict(env, "long")) == count
    assert sum(1 for _ in PersistentDict(env, "long").values()) == count
    assert sum(1 for _ in PersistentSet(env, "long set")) == count
