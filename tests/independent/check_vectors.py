"""Check the vectors with libraries that know nothing of this project.

Keys of tuples and of ``any`` are read and written by ``fdb.tuple`` (PyPI:
``foundationdb``; its tuple module is pure Python), values of ``any`` by ``cbor2``,
and everything else by ``struct``. Ends with status 1 if anything differs.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
import json
import math
import pathlib
import struct
import sys
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import cbor2
import fdb.tuple  # type: ignore[import-untyped]

VECTORS = pathlib.Path(__file__).parents[1] / "vectors" / "vectors.json"

# Element types: the tag of RFC 8746 for little-endian numbers, the letter of struct.
ELEMENTS = {
    "u8": (64, "B"),
    "u16": (69, "H"),
    "u32": (70, "I"),
    "u64": (71, "Q"),
    "i8": (72, "b"),
    "i16": (77, "h"),
    "i32": (78, "i"),
    "i64": (79, "q"),
    "f32": (85, "f"),
    "f64": (86, "d"),
}
# The tags of RFC 8746 for the big-endian arrays among the vectors.
BIG_ENDIAN = {65: "u16", 81: "f32"}
# Of these the specification of the tuple layer has a form of eight bytes, which
# fdb.tuple reads but does not write.
EIGHT_BYTE_FORM = (2**64 - 1, -(2**64) + 1)
EPOCH = datetime.datetime(1970, 1, 1)


def to_float(bits: str) -> float:
    number: float = struct.unpack(">d", bytes.fromhex(bits))[0]
    return number


def numbers(array: dict[str, Any]) -> bytes:
    """Return the bytes of an array's numbers, little-endian."""
    letter = ELEMENTS[array["element"]][1]
    convert: Callable[[str], Any] = to_float if letter in "fd" else int
    return b"".join(struct.pack("<" + letter, convert(n)) for n in array["numbers"])


# ---- keys


def to_tuple_layer(description: dict[str, Any], type_name: str = "any") -> Any:
    """Return what fdb.tuple takes for a described key."""
    ((kind, content),) = description.items()
    if kind == "tuple":
        return tuple(to_tuple_layer(item) for item in content)
    if kind == "float":
        number = to_float(content)
        return fdb.tuple.SingleFloat(number) if type_name == "f32" else number
    plain: dict[str, Callable[[Any], Any]] = {
        "null": lambda _: None,
        "bool": bool,
        "int": int,
        "date": int,
        "datetime": int,
        "str": str,
        "bytes": bytes.fromhex,
        "uuid": lambda digits: uuid.UUID(hex=digits),
    }
    return plain[kind](content)


def check_tuple_key(vector: dict[str, Any]) -> list[bool]:
    """Check a key of a tuple type or of any."""
    encoded = bytes.fromhex(vector["hex"])
    if vector["type"] == "any":
        row: tuple[Any, ...] = (to_tuple_layer(vector["value"]),)
    else:
        names = vector["type"][1:-1].split(",")
        elements = vector["value"]["tuple"]
        row = tuple(map(to_tuple_layer, elements, names))
    read = same(fdb.tuple.unpack(encoded), row)
    if any(element in EIGHT_BYTE_FORM for element in row):
        return [read]
    return [read, fdb.tuple.pack(row) == encoded]


def ordered_float(number: float, letter: str) -> bytes:
    """Return bytes that sort as the numbers do."""
    bits = struct.pack(">" + letter, number)
    if bits[0] & 0x80:
        return bytes(byte ^ 0xFF for byte in bits)
    return bytes([bits[0] ^ 0x80]) + bits[1:]


def plain_key(type_name: str, content: Any) -> bytes:
    """Encode a key of a type that is neither a tuple nor any."""
    if type_name == "str":
        text: bytes = content.encode()
        return b"\0" + text if text[:1] in (b"", b"\0") else text
    if type_name == "bool":
        return bytes([content])
    if type_name in ("f32", "f64"):
        return ordered_float(to_float(content), ELEMENTS[type_name][1])
    integer = {"date": "i32", "datetime": "i64"}.get(type_name, type_name)
    if integer in ELEMENTS:
        width = int(integer[1:]) // 8
        offset = 1 << (8 * width - 1) if integer[0] == "i" else 0
        return (int(content) + offset).to_bytes(width, "big")
    return bytes.fromhex(content)


# ---- values


def plain_value(type_name: str, content: Any) -> bytes:
    """Encode a value of a type other than any."""
    if type_name == "unit":
        return b""
    if isinstance(content, dict):
        return numbers(content)
    if type_name == "str":
        text: bytes = content.encode()
        return text
    if type_name == "bool":
        return bytes([content])
    scalar = {"date": "i32", "datetime": "i64"}.get(type_name, type_name)
    if scalar in ("f32", "f64"):
        return struct.pack("<" + ELEMENTS[scalar][1], to_float(content))
    if scalar in ELEMENTS:
        return struct.pack("<" + ELEMENTS[scalar][1], int(content))
    return bytes.fromhex(content)


def tagged_array(array: dict[str, Any]) -> cbor2.CBORTag:
    flat = cbor2.CBORTag(ELEMENTS[array["element"]][0], numbers(array))
    if len(array["shape"]) == 1:
        return flat
    return cbor2.CBORTag(40, (tuple(array["shape"]), flat))


def named(name: str, *rest: Any) -> cbor2.CBORTag:
    return cbor2.CBORTag(27, (name, *rest))


def to_cbor2(description: dict[str, Any]) -> Any:
    """Return what cbor2 reads for a described value; lists are tuples."""
    ((kind, content),) = description.items()
    convert: dict[str, Callable[[Any], Any]] = {
        "null": lambda _: None,
        "undefined": lambda _: cbor2.undefined,
        "bool": bool,
        "int": int,
        "float": to_float,
        "str": str,
        "bytes": bytes.fromhex,
        "list": lambda items: tuple(map(to_cbor2, items)),
        "tuple": lambda items: named("tuple", *map(to_cbor2, items)),
        "set": lambda items: frozenset(map(to_cbor2, items)),
        "map": lambda entries: {to_cbor2(key): to_cbor2(item) for key, item in entries},
        "instant": lambda text: datetime.datetime.fromisoformat(text.replace("Z", "+00:00")),
        "datetime": lambda micros: named("datetime", local_time(int(micros))),
        "date": lambda days: (EPOCH + datetime.timedelta(days)).date(),
        "time": lambda text: named("time", text),
        "uuid": lambda digits: uuid.UUID(hex=digits),
        "decimal": lambda parts: decimal.Decimal(int(parts["mantissa"])).scaleb(int(parts["exponent"])),
        "rational": lambda parts: fractions.Fraction(*map(int, parts)),
        "complex": lambda parts: complex(*map(to_float, parts)),
        "symbol": lambda text: cbor2.CBORTag(39, text),
        "char": lambda text: named("char", text),
        "array": tagged_array,
        "struct": lambda parts: named(
            parts["name"], {name: to_cbor2(item) for name, item in parts["fields"]}
        ),
        "tag": lambda parts: cbor2.CBORTag(parts["number"], to_cbor2(parts["content"])),
        "simple": cbor2.CBORSimpleValue,
    }
    return convert[kind](content)


def local_time(micros: int) -> str:
    return (EPOCH + datetime.timedelta(microseconds=micros)).isoformat()


def one_form(tag: cbor2.CBORTag) -> cbor2.CBORTag:
    """Turn a big-endian array round, and fill the fraction of a local time up."""
    if tag.tag == 27 and tag.value[0] == "datetime" and "." in tag.value[1]:
        seconds, fraction = tag.value[1].split(".")
        return named("datetime", f"{seconds}.{fraction:0<6}")
    element = BIG_ENDIAN.get(tag.tag)
    if element is None:
        return tag
    number, letter = ELEMENTS[element]
    width = struct.calcsize("<" + letter)
    groups = (tag.value[at : at + width] for at in range(0, len(tag.value), width))
    return cbor2.CBORTag(number, b"".join(group[::-1] for group in groups))


def same(left: Any, right: Any) -> bool:
    """Compare strictly: 1, 1.0 and True differ, NaN equals NaN."""
    if isinstance(left, (tuple, list)) and isinstance(right, (tuple, list)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, (set, frozenset)) and isinstance(right, (set, frozenset)):
        return left == right
    if isinstance(left, cbor2.CBORTag) and isinstance(right, cbor2.CBORTag):
        left = one_form(left)
        return left.tag == right.tag and same(left.value, right.value)
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return same(tuple(left.items()), tuple(right.items()))
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        if math.isnan(left):
            return math.isnan(right)
        return struct.pack(">d", left) == struct.pack(">d", right)
    return bool(left == right)


def is_rewritten_alike(description: dict[str, Any]) -> bool:
    """Tell whether cbor2 has the same form for a value.

    It writes NaN and infinities in 16 bits and sets in the order of their hashes,
    and a Python dict keeps only one of the keys 1, 1.0 and True.
    """
    ((kind, content),) = description.items()
    if kind == "float":
        return math.isfinite(to_float(content))
    if kind == "complex":
        return all(math.isfinite(to_float(part)) for part in content)
    if kind == "set":
        return len(content) < 2 and all(map(is_rewritten_alike, content))
    if kind in ("list", "tuple"):
        return all(map(is_rewritten_alike, content))
    if kind == "map":
        items = [item for entry in content for item in entry]
        is_whole = len(to_cbor2(description)) == len(content)
        return is_whole and all(map(is_rewritten_alike, items))
    return True


def check_cbor(vector: dict[str, Any]) -> list[bool]:
    """Check a value of any."""
    encoded = bytes.fromhex(vector["hex"])
    expected = to_cbor2(vector["value"])
    results = [same(cbor2.loads(encoded), expected)]
    if not vector.get("read_only") and is_rewritten_alike(vector["value"]):
        results.append(cbor2.dumps(expected) == encoded)
    return results


def check(vector: dict[str, Any]) -> list[bool]:
    """Return the outcome of each check of a vector."""
    type_name, is_key = vector["type"], vector["role"] == "key"
    if is_key and (type_name == "any" or type_name.startswith("(")):
        return check_tuple_key(vector)
    if type_name == "any":
        return check_cbor(vector)
    (content,) = vector["value"].values()
    encode = plain_key if is_key else plain_value
    return [encode(type_name, content) == bytes.fromhex(vector["hex"])]


def main() -> int:
    passed = failed = 0
    for vector in json.loads(VECTORS.read_text(encoding="utf-8")):
        outcomes = check(vector)
        passed += sum(outcomes)
        failed += len(outcomes) - sum(outcomes)
        if not all(outcomes):
            print("differs:", json.dumps(vector), outcomes, file=sys.stderr)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
