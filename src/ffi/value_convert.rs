//! Converts `pc_value` to the codec's value and back, and through it to bytes.

use super::argument::{invalid, items};
use super::buffer::pc_buffer;
use super::value::{
    PC_VALUE_ARRAY, PC_VALUE_BOOL, PC_VALUE_BYTES, PC_VALUE_DATE, PC_VALUE_DATETIME, PC_VALUE_ENCODED,
    PC_VALUE_F64, PC_VALUE_I64, PC_VALUE_LIST, PC_VALUE_MAP, PC_VALUE_NULL, PC_VALUE_SET, PC_VALUE_STR,
    PC_VALUE_TUPLE, PC_VALUE_U64, PC_VALUE_UNDEFINED, PC_VALUE_UUID, pc_value, pc_value_as, pc_value_items,
};
use crate::codec::{self, Element, MAX_DEPTH, Type, Value};
use crate::error::{Error, Result, Status};
use crate::memory;
use crate::store::collection::Collection;

/// What a `pc_value` is used as. Keys and values have different encodings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Key,
    Value,
}

impl Role {
    const fn misfit(self) -> Status {
        match self {
            Self::Key => Status::BadKey,
            Self::Value => Status::BadValue,
        }
    }
}

/// Copies a value that C made.
///
/// # Safety
/// `value` is NULL, or a value whose pointers are good for their lengths, and so on for its items.
pub(super) unsafe fn read(name: &str, role: Role, value: *const pc_value) -> Result<Value> {
    if value.is_null() {
        return Err(invalid(format!("{name} is NULL; a null is a pc_value of kind PC_VALUE_NULL")));
    }
    // SAFETY: not NULL, and good by this function's contract; alignment is not asked for.
    unsafe { take(role, &value.read_unaligned(), MAX_DEPTH) }
}

/// # Safety
/// As for [`read`].
unsafe fn take(role: Role, value: &pc_value, depth: usize) -> Result<Value> {
    let content = &value.r#as;
    // SAFETY: any bytes are an integer or a float; a pointer and length are good by this function's contract, if the
    // kind says that there are some. A bool is read as the byte that it is, since C could have left any there.
    unsafe {
        let bytes = || -> Result<Vec<u8>> {
            Ok(memory::copy(items("the bytes of a pc_value", content.bytes.data, content.bytes.len)?)?)
        };
        Ok(match value.kind {
            PC_VALUE_NULL => Value::Null,
            PC_VALUE_UNDEFINED => Value::Undefined,
            PC_VALUE_BOOL => Value::Bool(content.reserved[0] != 0),
            PC_VALUE_I64 => Value::I64(content.i64),
            PC_VALUE_U64 => Value::U64(content.u64),
            PC_VALUE_F64 => Value::F64(content.f64),
            PC_VALUE_STR => Value::Str(String::from_utf8(bytes()?).map_err(|error| {
                let at = error.utf8_error().valid_up_to();
                Error::new(
                    role.misfit(),
                    format!("a text is not UTF-8 (first wrong byte at {at}); use PC_VALUE_BYTES for bytes"),
                )
            })?),
            PC_VALUE_BYTES => Value::Bytes(bytes()?),
            PC_VALUE_UUID => Value::Uuid(content.uuid),
            PC_VALUE_DATE => Value::Date(i32::try_from(content.i64).map_err(|_| {
                Error::new(
                    role.misfit(),
                    format!(
                        "a date of {} days is out of range; days since 1970-01-01 fit 32 bits",
                        content.i64
                    ),
                )
            })?),
            PC_VALUE_DATETIME => Value::DateTime(content.i64),
            PC_VALUE_ARRAY => {
                let element = Element::from_number(value.subtype).ok_or_else(|| {
                    invalid(format!("subtype {} of an array is not one of PC_ELEMENT_*", value.subtype))
                })?;
                Value::Array { element, bytes: bytes()? }
            }
            PC_VALUE_TUPLE => Value::Tuple(take_items(role, content.items, depth)?),
            PC_VALUE_LIST => Value::List(take_items(role, content.items, depth)?),
            PC_VALUE_SET => Value::Set(take_items(role, content.items, depth)?),
            PC_VALUE_MAP => Value::Map(take_entries(role, content.items, depth)?),
            PC_VALUE_ENCODED if role == Role::Key => codec::decode_key(&Type::Any, &bytes()?)?,
            PC_VALUE_ENCODED => Value::Cbor(bytes()?),
            other => {
                return Err(invalid(format!(
                    "a pc_value has the kind {other}, which is not one of PC_VALUE_*"
                )));
            }
        })
    }
}

fn deeper(role: Role, depth: usize) -> Result<usize> {
    depth.checked_sub(1).ok_or_else(|| {
        Error::new(role.misfit(), format!("items lie more than {MAX_DEPTH} deep inside each other"))
    })
}

/// # Safety
/// As for [`read`], of each item.
unsafe fn take_items(role: Role, given: pc_value_items, depth: usize) -> Result<Vec<Value>> {
    let depth = deeper(role, depth)?;
    // SAFETY: this function has the same contract.
    unsafe {
        let items = items("the items of a pc_value", given.items, given.len)?;
        memory::gather(items.iter().map(|item| take(role, item, depth)))
    }
}

/// # Safety
/// As for [`read`], of each item.
unsafe fn take_entries(role: Role, given: pc_value_items, depth: usize) -> Result<Vec<(Value, Value)>> {
    let depth = deeper(role, depth)?;
    let count = given.len.checked_mul(2).ok_or_else(|| invalid("a map has a length beyond any memory"))?;
    // SAFETY: this function has the same contract; a map has two items for each of its length.
    unsafe {
        let items = items("the items of a pc_value", given.items, count)?;
        let pair = |entry: &[pc_value]| Ok((take(role, &entry[0], depth)?, take(role, &entry[1], depth)?));
        memory::gather(items.chunks_exact(2).map(pair))
    }
}

/// Makes a value for C. The memory that it points to replaces the content of `storage`.
pub(super) fn give(role: Role, value: &Value, storage: &mut pc_buffer) -> Result<pc_value> {
    let mut need = Need::default();
    measure(role, value, &mut need)?;
    let items_size = need.items * size_of::<pc_value>();
    storage.reserve(items_size + need.bytes)?;
    storage.len = items_size + need.bytes;
    let start = storage.start();
    // SAFETY: both parts lie in the memory just reserved.
    let mut room = Room { items: start.cast(), bytes: unsafe { start.add(items_size) } };
    lay_out(role, value, &mut room)
}

/// How much of the storage a value takes. Items come first, since they are aligned, then bytes.
#[derive(Default)]
struct Need {
    items: usize,
    bytes: usize,
}

/// Returns the padded length of bytes: they begin at multiples of 8, for arrays of numbers, and end with a NUL, for texts.
const fn padded(len: usize) -> usize {
    (len + 1).next_multiple_of(8)
}

/// Encodes a number that no field can hold.
fn encoded(role: Role, value: &Value) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match role {
        Role::Key => codec::encode_key(&Type::Any, value, &mut bytes)?,
        Role::Value => codec::encode_value(&Type::Any, value, &mut bytes)?,
    }
    Ok(bytes)
}

fn measure(role: Role, value: &Value, need: &mut Need) -> Result<()> {
    match value {
        Value::Null
        | Value::Undefined
        | Value::Bool(_)
        | Value::I64(_)
        | Value::U64(_)
        | Value::F64(_)
        | Value::Uuid(_)
        | Value::Date(_)
        | Value::DateTime(_) => {}
        Value::Str(text) => need.bytes += padded(text.len()),
        Value::Bytes(bytes) | Value::Array { bytes, .. } | Value::Cbor(bytes) => {
            need.bytes += padded(bytes.len());
        }
        Value::Tuple(items) | Value::List(items) | Value::Set(items) => {
            need.items += items.len();
            items.iter().try_for_each(|item| measure(role, item, need))?;
        }
        Value::Map(entries) => {
            need.items += 2 * entries.len();
            for (key, value) in entries {
                measure(role, key, need)?;
                measure(role, value, need)?;
            }
        }
        // Integers of any size, and values without a kind of their own.
        _ => need.bytes += padded(encoded(role, value)?.len()),
    }
    Ok(())
}

/// Where the next items and bytes go. They fit, since `measure` has counted them.
struct Room {
    items: *mut pc_value,
    bytes: *mut u8,
}

impl Room {
    fn put_bytes(&mut self, bytes: &[u8]) -> pc_value_as {
        let at = self.bytes;
        // SAFETY: `measure` counted `padded(len)` bytes for each text or bytes, in the same walk through the value.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), at, bytes.len());
            std::ptr::write_bytes(at.add(bytes.len()), 0, padded(bytes.len()) - bytes.len());
            self.bytes = at.add(padded(bytes.len()));
        }
        pc_value_as::of_bytes(at, bytes.len())
    }

    fn put_items<'a>(
        &mut self,
        role: Role,
        count: usize,
        items: impl Iterator<Item = &'a Value>,
    ) -> Result<*mut pc_value> {
        let at = self.items;
        // SAFETY: `measure` counted each item, in the same walk through the value; the memory is aligned as what malloc
        // gives is.
        self.items = unsafe { at.add(count) };
        for (index, item) in items.enumerate() {
            let item = lay_out(role, item, self)?;
            // SAFETY: as above, and `items` are `count`.
            unsafe { at.add(index).write(item) };
        }
        Ok(at)
    }
}

fn lay_out(role: Role, value: &Value, room: &mut Room) -> Result<pc_value> {
    let mut subtype = 0;
    let (kind, content) = match value {
        Value::Null => (PC_VALUE_NULL, pc_value_as::zeroed_then(|_| {})),
        Value::Undefined => (PC_VALUE_UNDEFINED, pc_value_as::zeroed_then(|_| {})),
        Value::Bool(boolean) => (PC_VALUE_BOOL, pc_value_as::of_bool(*boolean)),
        Value::I64(number) => (PC_VALUE_I64, pc_value_as::of_i64(*number)),
        Value::U64(number) => (PC_VALUE_U64, pc_value_as::of_u64(*number)),
        Value::F64(number) => (PC_VALUE_F64, pc_value_as::of_f64(*number)),
        Value::Uuid(uuid) => (PC_VALUE_UUID, pc_value_as::of_uuid(*uuid)),
        Value::Date(days) => (PC_VALUE_DATE, pc_value_as::of_i64((*days).into())),
        Value::DateTime(micros) => (PC_VALUE_DATETIME, pc_value_as::of_i64(*micros)),
        Value::Cbor(bytes) => (PC_VALUE_ENCODED, room.put_bytes(bytes)),
        Value::Str(text) => (PC_VALUE_STR, room.put_bytes(text.as_bytes())),
        Value::Bytes(bytes) => (PC_VALUE_BYTES, room.put_bytes(bytes)),
        Value::Array { element, bytes } => {
            subtype = *element as u32;
            (PC_VALUE_ARRAY, room.put_bytes(bytes))
        }
        Value::Tuple(items) => (PC_VALUE_TUPLE, row(role, items, room)?),
        Value::List(items) => (PC_VALUE_LIST, row(role, items, room)?),
        Value::Set(items) => (PC_VALUE_SET, row(role, items, room)?),
        Value::Map(entries) => {
            let both = entries.iter().flat_map(|(key, value)| [key, value]);
            let at = room.put_items(role, 2 * entries.len(), both)?;
            (PC_VALUE_MAP, pc_value_as::of_items(at, entries.len()))
        }
        _ => (PC_VALUE_ENCODED, room.put_bytes(&encoded(role, value)?)),
    };
    Ok(pc_value { kind, subtype, r#as: content })
}

fn row(role: Role, items: &[Value], room: &mut Room) -> Result<pc_value_as> {
    let at = room.put_items(role, items.len(), items.iter())?;
    Ok(pc_value_as::of_items(at, items.len()))
}

/// Encodes a key of this collection.
pub(super) fn encode_key_of(collection: &Collection, key: &Value) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let encode = if collection.is_raw() { codec::raw::encode_raw_key } else { codec::encode_key };
    encode(collection.key_type(), key, &mut bytes)?;
    Ok(bytes)
}

/// Decodes a key of this collection.
pub(super) fn decode_key_of(collection: &Collection, key: &[u8]) -> Result<Value> {
    let decode = if collection.is_raw() { codec::raw::decode_raw_key } else { codec::decode_key };
    decode(collection.key_type(), key)
}
