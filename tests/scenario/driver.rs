//! The scenario in Rust: `driver run SCENARIO ENVIRONMENT`, `driver dump ENVIRONMENT…`; see README.md.
#![allow(clippy::unwrap_used)]

use std::any::Any;
use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::Bound;
use std::process::ExitCode;

use persistent_collections::codec::{decode_key, decode_value, encode_key, encode_value};
use persistent_collections::{
    Date, DateTime, Dict, Durability, Element, Environment, Error, Key, Kind, Options, Set, Status, Stored,
    Transaction, Type, Uuid, Value,
};

type Result<T> = std::result::Result<T, Error>;

// ---- values and how they are written

fn from_hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn from_escaped(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.extend(from_hex(&part[..2]));
        bytes.extend(part[2..].bytes());
    }
    String::from_utf8(bytes).unwrap()
}

fn to_escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b"._-".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            write!(escaped, "%{byte:02X}").unwrap();
        }
        escaped
    })
}

/// The value that a field stands for.
fn parse(field: &str) -> Value {
    parse_next(&mut field.split(' ').peekable())
}

fn parse_next<'a>(tokens: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> Value {
    let token = tokens.next().unwrap();
    let close = match token {
        "(" => ")",
        "[" => "]",
        "{" => "}",
        "<" => ">",
        _ => return parse_token(token),
    };
    let mut items = Vec::new();
    while *tokens.peek().unwrap() != close {
        items.push(parse_next(tokens));
    }
    tokens.next();
    match token {
        "(" => Value::Tuple(items),
        "[" => Value::List(items),
        "<" => Value::Set(items),
        _ => Value::Map(items.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()),
    }
}

fn parse_token(token: &str) -> Value {
    match token {
        "null" => return Value::Null,
        "undefined" => return Value::Undefined,
        "true" | "false" => return Value::Bool(token == "true"),
        _ => {}
    }
    let Some((kind, text)) = token.split_once(':') else {
        return token.parse().map(Value::I64).or_else(|_| token.parse().map(Value::U64)).unwrap();
    };
    match kind {
        "f" => Value::F64(f64::from_bits(u64::from_str_radix(text, 16).unwrap())),
        "s" => Value::Str(from_escaped(text)),
        "b" => Value::Bytes(from_hex(text)),
        "u" => Value::Uuid(from_hex(text).try_into().unwrap()),
        "d" => Value::Date(text.parse().unwrap()),
        "t" => Value::DateTime(text.parse().unwrap()),
        "a" => {
            let (name, bytes) = text.split_once(':').unwrap();
            let element = Element::ALL.into_iter().find(|element| element.name() == name).unwrap();
            Value::Array { element, bytes: from_hex(bytes) }
        }
        _ => panic!("no such value: {token}"),
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Undefined => "undefined".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::I64(number) => number.to_string(),
        Value::U64(number) => number.to_string(),
        Value::F64(number) => format!("f:{:016x}", number.to_bits()),
        Value::Str(text) => format!("s:{}", to_escaped(text)),
        Value::Bytes(bytes) => format!("b:{}", to_hex(bytes)),
        Value::Uuid(bytes) => format!("u:{}", to_hex(bytes)),
        Value::Date(days) => format!("d:{days}"),
        Value::DateTime(microseconds) => format!("t:{microseconds}"),
        Value::Array { element, bytes } => format!("a:{}:{}", element.name(), to_hex(bytes)),
        Value::Tuple(items) => group("(", items.iter().map(show).collect(), ")"),
        Value::List(items) => group("[", items.iter().map(show).collect(), "]"),
        Value::Set(items) => group("<", sorted(items.iter().map(show).collect()), ">"),
        Value::Map(pairs) => {
            let texts = pairs.iter().map(|(key, item)| format!("{} {}", show(key), show(item)));
            group("{", sorted(texts.collect()), "}")
        }
        other => panic!("a value that cannot be written: {other:?}"),
    }
}

fn group(open: &str, mut items: Vec<String>, close: &str) -> String {
    items.insert(0, open.to_owned());
    items.push(close.to_owned());
    items.join(" ")
}

fn sorted(mut items: Vec<String>) -> Vec<String> {
    items.sort();
    items
}

// ---- Rust's own types from and to what is written

fn key_of<K: Key>(field: &str) -> Result<K> {
    let mut bytes = Vec::new();
    encode_key(&K::type_of(), &parse(field), &mut bytes)?;
    K::decode(&bytes)
}

fn show_key<K: Key>(key: &K::Borrowed) -> Result<String> {
    let mut bytes = Vec::new();
    K::encode(key, &mut bytes)?;
    Ok(show(&decode_key(&K::type_of(), &bytes)?))
}

fn value_of<V: Stored>(field: &str) -> Result<V> {
    let mut bytes = Vec::new();
    encode_value(&V::type_of(), &parse(field), &mut bytes)?;
    V::decode(&bytes)
}

fn show_stored<V: Stored>(value: &V::Borrowed) -> Result<String> {
    let mut bytes = Vec::new();
    V::encode(value, &mut bytes)?;
    Ok(show(&decode_value(&V::type_of(), &bytes)?))
}

/// A user's own struct of plain bytes.
struct Plain([u8; 4]);

impl Key for Plain {
    type Borrowed = Self;

    fn type_of() -> Type {
        "opaque[4]".parse().unwrap()
    }

    fn encode(key: &Self, out: &mut Vec<u8>) -> Result<()> {
        encode_key(&<Self as Key>::type_of(), &Value::Bytes(key.0.to_vec()), out)
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        let wrong = |_| Error::new(Status::BadKey, "not four bytes");
        Ok(Self(bytes.try_into().map_err(wrong)?))
    }
}

impl Stored for Plain {
    type Borrowed = Self;

    fn type_of() -> Type {
        "opaque[4]".parse().unwrap()
    }

    fn encode(value: &Self, out: &mut Vec<u8>) -> Result<()> {
        encode_value(&<Self as Stored>::type_of(), &Value::Bytes(value.0.to_vec()), out)
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        let wrong = |_| Error::new(Status::BadValue, "not four bytes");
        Ok(Self(bytes.try_into().map_err(wrong)?))
    }
}

/// A user's own matrix of two rows and three columns.
struct Matrix(Vec<u8>);

impl Stored for Matrix {
    type Borrowed = Self;

    fn type_of() -> Type {
        "f64[2,3]".parse().unwrap()
    }

    fn encode(value: &Self, out: &mut Vec<u8>) -> Result<()> {
        encode_value(&Self::type_of(), &Value::Array { element: Element::F64, bytes: value.0.clone() }, out)
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        Ok(Self(bytes.to_vec()))
    }
}

// ---- collections of any types

type Part<'a> = (Option<&'a str>, Option<&'a str>, &'a [&'a str]);

/// What can be done with a dict or a set whose types are known where it was opened.
trait Collection {
    fn as_any(&self) -> &dyn Any;
    fn has(&self, key: &str) -> Result<bool>;
    fn remove(&self, key: &str) -> Result<bool>;
    fn remove_many(&self, keys: &[&str]) -> Result<u64>;
    fn len(&self) -> Result<u64>;
    fn clear(&self) -> Result<()>;
    fn ends(&self) -> Result<Option<[String; 2]>>;
    fn list(&self, part: &Part) -> Result<Vec<String>>;
    fn remove_range(&self, part: &Part) -> Result<u64>;
    fn as_dict(&self) -> &dyn AnyDict {
        panic!("a set is no dict")
    }
    fn as_set(&self) -> &dyn AnySet {
        panic!("a dict is no set")
    }
}

/// What only dicts can do.
trait AnyDict {
    fn put(&self, key: &str, value: &str) -> Result<()>;
    fn put_new(&self, key: &str, value: &str) -> Result<bool>;
    fn get(&self, key: &str) -> Result<Option<String>>;
    fn take(&self, key: &str) -> Result<Option<String>>;
    fn exchange(&self, key: &str, expected: Option<&str>, desired: Option<&str>) -> Result<bool>;
    fn increment(&self, key: &str, by: i64) -> Result<i64>;
    fn put_many(&self, fields: &[&str]) -> Result<()>;
    fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<String>>>;
}

/// What only sets can do.
trait AnySet {
    fn add(&self, element: &str) -> Result<()>;
    fn add_many(&self, elements: &[&str]) -> Result<()>;
    fn combine(&self, verb: &str, other: &dyn Any) -> Result<()>;
    fn compare(&self, verb: &str, other: &dyn Any) -> Result<bool>;
}

/// The bounds of a part, as keys.
fn bounds<K: Key>(part: &Part) -> Result<(Bound<K>, Bound<K>)> {
    let (low, high, words) = part;
    let low = match low.map(key_of::<K>).transpose()? {
        None => Bound::Unbounded,
        Some(key) if words.contains(&"after") => Bound::Excluded(key),
        Some(key) => Bound::Included(key),
    };
    let high = match high.map(key_of::<K>).transpose()? {
        None => Bound::Unbounded,
        Some(key) if words.contains(&"through") => Bound::Included(key),
        Some(key) => Bound::Excluded(key),
    };
    Ok((low, high))
}

fn borrowed<K: Key + Borrow<K::Borrowed>>(bound: &Bound<K>) -> Bound<&K::Borrowed> {
    match bound {
        Bound::Included(key) => Bound::Included(key.borrow()),
        Bound::Excluded(key) => Bound::Excluded(key.borrow()),
        Bound::Unbounded => Bound::Unbounded,
    }
}

/// Rust's iterators go forwards only.
fn in_order(mut items: Vec<String>, part: &Part) -> Vec<String> {
    if part.2.contains(&"reverse") {
        items.reverse();
    }
    items
}

fn all<T>(fields: &[&str], of: fn(&str) -> Result<T>) -> Result<Vec<T>> {
    fields.iter().map(|field| of(field)).collect()
}

fn pair<K, V>(key: &K, value: &V) -> Result<String>
where
    K: Key + Borrow<K::Borrowed>,
    V: Stored + Borrow<V::Borrowed>,
{
    Ok(format!("{} = {}", show_key::<K>(key.borrow())?, show_stored::<V>(value.borrow())?))
}

impl<K, V> Collection for Dict<K, V>
where
    K: Key + Borrow<K::Borrowed> + 'static,
    V: Stored + Borrow<V::Borrowed> + 'static,
{
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_dict(&self) -> &dyn AnyDict {
        self
    }

    fn has(&self, key: &str) -> Result<bool> {
        self.contains(key_of::<K>(key)?.borrow())
    }

    fn remove(&self, key: &str) -> Result<bool> {
        self.remove(key_of::<K>(key)?.borrow())
    }

    fn remove_many(&self, keys: &[&str]) -> Result<u64> {
        self.remove_many(all(keys, key_of::<K>)?.iter().map(Borrow::borrow))
    }

    fn len(&self) -> Result<u64> {
        self.len()
    }

    fn clear(&self) -> Result<()> {
        self.clear()
    }

    fn ends(&self) -> Result<Option<[String; 2]>> {
        let (Some(first), Some(last)) = (self.first()?, self.last()?) else { return Ok(None) };
        Ok(Some([pair(&first.0, &first.1)?, pair(&last.0, &last.1)?]))
    }

    fn list(&self, part: &Part) -> Result<Vec<String>> {
        let (low, high) = bounds::<K>(part)?;
        let entries = self.range((borrowed(&low), borrowed(&high)))?;
        let texts = entries.map(|entry| entry.and_then(|(key, value)| pair(&key, &value)));
        Ok(in_order(texts.collect::<Result<_>>()?, part))
    }

    fn remove_range(&self, part: &Part) -> Result<u64> {
        let (low, high) = bounds::<K>(part)?;
        self.remove_range((borrowed(&low), borrowed(&high)))
    }
}

impl<K, V> AnyDict for Dict<K, V>
where
    K: Key + Borrow<K::Borrowed>,
    V: Stored + Borrow<V::Borrowed>,
{
    fn put(&self, key: &str, value: &str) -> Result<()> {
        self.put(key_of::<K>(key)?.borrow(), value_of::<V>(value)?.borrow())
    }

    fn put_new(&self, key: &str, value: &str) -> Result<bool> {
        self.put_new(key_of::<K>(key)?.borrow(), value_of::<V>(value)?.borrow())
    }

    fn get(&self, key: &str) -> Result<Option<String>> {
        self.get(key_of::<K>(key)?.borrow())?.map(|value| show_stored::<V>(value.borrow())).transpose()
    }

    fn take(&self, key: &str) -> Result<Option<String>> {
        self.take(key_of::<K>(key)?.borrow())?.map(|value| show_stored::<V>(value.borrow())).transpose()
    }

    fn exchange(&self, key: &str, expected: Option<&str>, desired: Option<&str>) -> Result<bool> {
        let (expected, desired) =
            (expected.map(value_of::<V>).transpose()?, desired.map(value_of::<V>).transpose()?);
        let (expected, desired) =
            (expected.as_ref().map(Borrow::borrow), desired.as_ref().map(Borrow::borrow));
        Ok(self.compare_exchange(key_of::<K>(key)?.borrow(), expected, desired)?.is_done())
    }

    fn increment(&self, key: &str, by: i64) -> Result<i64> {
        self.increment(key_of::<K>(key)?.borrow(), by)
    }

    fn put_many(&self, fields: &[&str]) -> Result<()> {
        let keys: Vec<K> = fields.iter().step_by(2).map(|field| key_of(field)).collect::<Result<_>>()?;
        let values: Vec<V> =
            fields.iter().skip(1).step_by(2).map(|field| value_of(field)).collect::<Result<_>>()?;
        self.put_many(keys.iter().map(Borrow::borrow).zip(values.iter().map(Borrow::borrow)))
    }

    fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<String>>> {
        let values = self.get_many(all(keys, key_of::<K>)?.iter().map(Borrow::borrow))?;
        let show = |value: Option<V>| value.map(|value| show_stored::<V>(value.borrow())).transpose();
        values.into_iter().map(show).collect()
    }
}

impl<T: Key + Borrow<T::Borrowed> + 'static> Collection for Set<T> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_set(&self) -> &dyn AnySet {
        self
    }

    fn has(&self, key: &str) -> Result<bool> {
        self.contains(key_of::<T>(key)?.borrow())
    }

    fn remove(&self, key: &str) -> Result<bool> {
        self.remove(key_of::<T>(key)?.borrow())
    }

    fn remove_many(&self, keys: &[&str]) -> Result<u64> {
        self.remove_many(all(keys, key_of::<T>)?.iter().map(Borrow::borrow))
    }

    fn len(&self) -> Result<u64> {
        self.len()
    }

    fn clear(&self) -> Result<()> {
        self.clear()
    }

    fn ends(&self) -> Result<Option<[String; 2]>> {
        let (Some(first), Some(last)) = (self.first()?, self.last()?) else { return Ok(None) };
        Ok(Some([show_key::<T>(first.borrow())?, show_key::<T>(last.borrow())?]))
    }

    fn list(&self, part: &Part) -> Result<Vec<String>> {
        let (low, high) = bounds::<T>(part)?;
        let elements = self.range((borrowed(&low), borrowed(&high)))?;
        let texts = elements.map(|element| show_key::<T>(element?.borrow()));
        Ok(in_order(texts.collect::<Result<_>>()?, part))
    }

    fn remove_range(&self, part: &Part) -> Result<u64> {
        let (low, high) = bounds::<T>(part)?;
        self.remove_range((borrowed(&low), borrowed(&high)))
    }
}

impl<T: Key + Borrow<T::Borrowed> + 'static> AnySet for Set<T> {
    fn add(&self, element: &str) -> Result<()> {
        self.add(key_of::<T>(element)?.borrow()).map(drop)
    }

    fn add_many(&self, elements: &[&str]) -> Result<()> {
        self.add_many(all(elements, key_of::<T>)?.iter().map(Borrow::borrow)).map(drop)
    }

    fn combine(&self, verb: &str, other: &dyn Any) -> Result<()> {
        let other: &Self = other.downcast_ref().unwrap();
        match verb {
            "union" => self.union_into(other, self),
            "intersection" => self.intersection_into(other, self),
            "difference" => self.difference_into(other, self),
            _ => self.symmetric_difference_into(other, self),
        }
    }

    fn compare(&self, verb: &str, other: &dyn Any) -> Result<bool> {
        let other: &Self = other.downcast_ref().unwrap();
        if verb == "is_subset" { self.is_subset(other) } else { self.is_disjoint(other) }
    }
}

type Opened = Box<dyn Collection>;

/// Opens a dict with Rust's own types for type strings; a stored type that is none of them is a mismatch.
macro_rules! dicts {
    ($env:expr, $name:expr, $types:expr; $($key:literal, $value:literal: $k:ty => $v:ty;)+) => {
        match $types {
            $(($key, $value) => Dict::<$k, $v>::open($env, $name).map(|dict| -> Opened { Box::new(dict) }),)+
            other => panic!("no dict of {other:?} in this driver"),
        }
    };
}

macro_rules! sets {
    ($env:expr, $name:expr, $type:expr; $($key:literal: $k:ty;)+) => {
        match $type {
            $($key => Set::<$k>::open($env, $name).map(|set| -> Opened { Box::new(set) }),)+
            other => panic!("no set of {other:?} in this driver"),
        }
    };
}

fn open_dict(env: &Environment, name: &str, key: &str, value: &str) -> Result<Opened> {
    dicts! { env, name, (key, value);
        "str", "str": String => String;
        "str", "i64": String => i64;
        "str", "any": String => Value;
        "bytes", "bytes": Vec<u8> => Vec<u8>;
        "i8", "i8": i8 => i8;
        "i16", "i16": i16 => i16;
        "i32", "i32": i32 => i32;
        "i64", "i64": i64 => i64;
        "i64", "str": i64 => String;
        "u8", "u8": u8 => u8;
        "u16", "u16": u16 => u16;
        "u32", "u32": u32 => u32;
        "u32", "any": u32 => Value;
        "u64", "u64": u64 => u64;
        "f32", "f32": f32 => f32;
        "f64", "f64": f64 => f64;
        "bool", "bool": bool => bool;
        "uuid", "uuid": Uuid => Uuid;
        "date", "date": Date => Date;
        "datetime", "datetime": DateTime => DateTime;
        "str", "f32[]": String => Vec<f32>;
        "str", "f32[3]": String => [f32; 3];
        "str", "f64[2,3]": String => Matrix;
        "str", "i16[]": String => Vec<i16>;
        "str", "u8[4]": String => [u8; 4];
        "str", "i64[]": String => Vec<i64>;
        "str", "u32[2]": String => [u32; 2];
        "str", "i8[]": String => Vec<i8>;
        "str", "u16[]": String => Vec<u16>;
        "str", "i32[]": String => Vec<i32>;
        "str", "u64[]": String => Vec<u64>;
        "str", "f64[]": String => Vec<f64>;
        "opaque[4]", "opaque[4]": Plain => Plain;
        "(str,i64)", "str": (String, i64) => String;
        "(bytes,f64,bool)", "i64": (Vec<u8>, f64, bool) => i64;
        "any", "any": Value => Value;
    }
}

fn open_set(env: &Environment, name: &str, element: &str) -> Result<Opened> {
    sets! { env, name, element;
        "str": String;
        "i64": i64;
        "u8": u8;
        "f64": f64;
        "bool": bool;
        "bytes": Vec<u8>;
        "uuid": Uuid;
        "date": Date;
        "datetime": DateTime;
        "(str,i64)": (String, i64);
        "any": Value;
    }
}

// ---- operations: each takes the fields after its name and gives the answer

struct Run {
    path: String,
    env: Environment,
    opened: HashMap<String, Opened>,
    transactions: Vec<Transaction>,
}

fn open_env(path: &str) -> Environment {
    Environment::open(path, &Options::new().durability(Durability::None)).unwrap()
}

fn part<'a>(a: &'a [&'a str]) -> Part<'a> {
    let bound = |field: &'a str| (field != "-").then_some(field);
    assert!(a[3..].iter().all(|word| ["after", "through", "reverse"].contains(word)), "{a:?}");
    (bound(a[1]), bound(a[2]), &a[3..])
}

fn ok<T>(_: T) -> String {
    "ok".to_owned()
}

fn yes(truth: bool) -> String {
    if truth { "yes" } else { "no" }.to_owned()
}

fn or_absent(value: Option<String>) -> String {
    value.unwrap_or_else(|| "absent".to_owned())
}

fn listed(items: &[String]) -> String {
    if items.is_empty() { "nothing".to_owned() } else { items.join("\t") }
}

impl Run {
    fn named(&self, name: &str) -> &dyn Collection {
        self.opened[name].as_ref()
    }

    fn dict(&self, a: &[&str]) -> &dyn AnyDict {
        self.named(a[0]).as_dict()
    }

    fn set(&self, a: &[&str]) -> &dyn AnySet {
        self.named(a[0]).as_set()
    }

    fn open(&mut self, name: &str, collection: Opened) -> String {
        self.opened.insert(name.to_owned(), collection);
        ok(())
    }

    fn prefix(&self, a: &[&str]) -> Result<String> {
        let Value::Str(prefix) = parse(a[1]) else { panic!("a prefix of text is needed") };
        let any = self.named(a[0]).as_any();
        let items = if let Some(set) = any.downcast_ref::<Set<String>>() {
            set.prefix(&prefix)?.map(|element| show_key::<String>(&element?)).collect::<Result<Vec<_>>>()?
        } else {
            let dict: &Dict<String, i64> = any.downcast_ref().unwrap();
            dict.prefix(&prefix)?
                .map(|entry| entry.and_then(|(key, value)| pair(&key, &value)))
                .collect::<Result<Vec<_>>>()?
        };
        Ok(listed(&items))
    }

    fn exchange(&self, a: &[&str]) -> Result<String> {
        let value = |field: &'static str, at: usize| (a[at] != field).then_some(a[at]);
        let done = self.dict(a).exchange(a[1], value("absent", 2), value("absent", 3))?;
        Ok(if done { "ok" } else { "differs" }.to_owned())
    }

    fn schema(&self, name: &str) -> Result<String> {
        let Some(found) = self.env.schema(name)? else { return Ok(or_absent(None)) };
        let schema = found.schema.unwrap();
        Ok(match schema.kind {
            Kind::Set => format!("set\t{}", schema.key),
            Kind::Dict => format!("dict\t{}\t{}", schema.key, schema.value),
        })
    }

    fn get_many(&self, a: &[&str]) -> Result<String> {
        let values = self.dict(a).get_many(&a[1..])?;
        Ok(values.into_iter().map(or_absent).collect::<Vec<_>>().join("\t"))
    }

    fn reopen(&mut self) -> String {
        self.opened.clear();
        // Closed first, so that it is opened anew.
        let elsewhere = tempfile::tempdir().unwrap();
        self.env = open_env(elsewhere.path().to_str().unwrap());
        self.env = open_env(&self.path);
        ok(())
    }

    fn begin(&mut self, kind: &str) -> Result<String> {
        let begun = if kind == "write" { self.env.begin_write()? } else { self.env.begin_snapshot()? };
        self.transactions.push(begun);
        Ok(ok(()))
    }
}

type Operation = fn(&mut Run, &[&str]) -> Result<String>;

const OPERATIONS: &[(&str, Operation)] = &[
    ("dict", |run, a| open_dict(&run.env, a[0], a[1], a[2]).map(|dict| run.open(a[0], dict))),
    ("set", |run, a| open_set(&run.env, a[0], a[1]).map(|set| run.open(a[0], set))),
    ("drop", |run, a| run.env.drop_collection(a[0]).map(|was| or_absent(was.then(|| ok(()))))),
    ("schema", |run, a| run.schema(a[0])),
    ("put", |run, a| run.dict(a).put(a[1], a[2]).map(ok)),
    ("put_new", |run, a| {
        run.dict(a).put_new(a[1], a[2]).map(|new| if new { "ok" } else { "exists" }.to_owned())
    }),
    ("get", |run, a| run.dict(a).get(a[1]).map(or_absent)),
    ("has", |run, a| run.named(a[0]).has(a[1]).map(yes)),
    ("remove", |run, a| run.named(a[0]).remove(a[1]).map(|was| or_absent(was.then(|| ok(()))))),
    ("take", |run, a| run.dict(a).take(a[1]).map(or_absent)),
    ("exchange", |run, a| run.exchange(a)),
    ("increment", |run, a| run.dict(a).increment(a[1], a[2].parse().unwrap()).map(|sum| sum.to_string())),
    ("len", |run, a| run.named(a[0]).len().map(|len| len.to_string())),
    ("clear", |run, a| run.named(a[0]).clear().map(ok)),
    ("first", |run, a| run.named(a[0]).ends().map(|ends| or_absent(ends.map(|[first, _]| first)))),
    ("last", |run, a| run.named(a[0]).ends().map(|ends| or_absent(ends.map(|[_, last]| last)))),
    ("put_many", |run, a| run.dict(a).put_many(&a[1..]).map(ok)),
    ("get_many", |run, a| run.get_many(a)),
    ("remove_many", |run, a| run.named(a[0]).remove_many(&a[1..]).map(|count| count.to_string())),
    ("add", |run, a| run.set(a).add(a[1]).map(ok)),
    ("add_many", |run, a| run.set(a).add_many(&a[1..]).map(ok)),
    ("range", |run, a| run.named(a[0]).list(&part(a)).map(|items| listed(&items))),
    ("remove_range", |run, a| run.named(a[0]).remove_range(&part(a)).map(|count| count.to_string())),
    ("prefix", |run, a| run.prefix(a)),
    ("union", |run, a| run.set(a).combine("union", run.named(a[1]).as_any()).map(ok)),
    ("intersection", |run, a| run.set(a).combine("intersection", run.named(a[1]).as_any()).map(ok)),
    ("difference", |run, a| run.set(a).combine("difference", run.named(a[1]).as_any()).map(ok)),
    ("symmetric_difference", |run, a| {
        run.set(a).combine("symmetric_difference", run.named(a[1]).as_any()).map(ok)
    }),
    ("is_subset", |run, a| run.set(a).compare("is_subset", run.named(a[1]).as_any()).map(yes)),
    ("is_disjoint", |run, a| run.set(a).compare("is_disjoint", run.named(a[1]).as_any()).map(yes)),
    ("begin", |run, a| run.begin(a[0])),
    ("commit", |run, _| run.transactions.pop().unwrap().commit().map(ok)),
    ("abort", |run, _| run.transactions.pop().unwrap().abort().map(ok)),
    ("flush", |run, _| run.env.flush().map(ok)),
    ("reopen", |run, _| Ok(run.reopen())),
];

fn answer(run: &mut Run, name: &str, arguments: &[&str]) -> String {
    let Some((_, operation)) = OPERATIONS.iter().find(|(operation, _)| *operation == name) else {
        return "no such operation".to_owned();
    };
    operation(run, arguments).unwrap_or_else(|error| match error.status() {
        Status::BadKey | Status::BadValue | Status::KeySize => "refused".to_owned(),
        other => format!("error {}", other as i32),
    })
}

// ---- running and dumping

/// The number of lines that were answered otherwise than expected.
fn run(scenario: &str, path: &str) -> usize {
    let scenario = std::fs::read_to_string(scenario).unwrap();
    let (opened, transactions) = (HashMap::new(), Vec::new());
    let mut run = Run { path: path.to_owned(), env: open_env(path), opened, transactions };
    let mut wrong = 0;
    for (at, line) in scenario.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (asked, expected) = line.split_once("\t=>\t").expect(line);
        let fields: Vec<&str> = asked.split('\t').collect();
        let given = answer(&mut run, fields[0], &fields[1..]);
        if given != expected {
            println!("line {}: {}: expected {expected}, got {given}", at + 1, fields[0]);
            wrong += 1;
        }
    }
    wrong
}

fn dump(path: &str) {
    let env = open_env(path);
    for it in env.collections().unwrap() {
        let schema = it.schema.unwrap();
        let (key, value) = (schema.key.to_string(), schema.value.to_string());
        let opened = if schema.kind == Kind::Set {
            println!("set {} {key}, {}", it.name, it.len);
            open_set(&env, &it.name, &key).unwrap()
        } else {
            println!("dict {} {key} {value}, {}", it.name, it.len);
            open_dict(&env, &it.name, &key, &value).unwrap()
        };
        let items = opened.list(&(None, None, &[])).unwrap();
        for entry in listed(&items).split('\t') {
            println!("  {entry}");
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments[0] == "run" {
        return ExitCode::from(u8::from(run(&arguments[1], &arguments[2]) > 0));
    }
    for (at, path) in arguments[1..].iter().enumerate() {
        println!("environment {}", at + 1);
        dump(path);
    }
    ExitCode::SUCCESS
}
