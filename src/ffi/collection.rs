//! Calls for collections of both kinds, by name: dropping them, and reading their schemas.

use std::ffi::c_char;

use super::argument::{Out, check_flags, optional_text, text};
use super::boundary::boundary;
use super::buffer::pc_buffer;
use super::handle::{self, pc_env};
use super::status::{PC_NOT_FOUND, PC_OK, pc_status};
use crate::codec::Type;
use crate::engine::schema::Kind;
use crate::error::Result;
use crate::memory;
use crate::store::collection::{Collection, OpenFlags};

/// The collection is a dict.
pub const PC_KIND_DICT: i32 = 1;
/// The collection is a set.
pub const PC_KIND_SET: i32 = 2;
/// The collection has no schema: another LMDB program wrote it.
pub const PC_KIND_RAW: i32 = 3;

/// Do not create the collection: return `PC_ERR_NO_COLLECTION` if it does not exist.
pub const PC_OPEN_EXISTING: u32 = 0x1;
/// For host languages with one number type: `i64` accepts any stored integer width, `f64` any stored float width. The
/// schema shows the stored one.
pub const PC_OPEN_ANY_INT: u32 = 0x2;

/// Drops a collection of any kind, with all its entries. Its open handles return `PC_ERR_NO_COLLECTION` from then on.
///
/// - `name`: NUL-terminated UTF-8. Only read during the call.
///
/// May be called from any thread. Inside a transaction, it is part of it.
///
/// Statuses: `PC_OK`; `PC_NOT_FOUND`: no collection has this name; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`;
/// `PC_ERR_FORKED`; `PC_ERR_BAD_NAME`; `PC_ERR_IN_SNAPSHOT`; `PC_ERR_TXN_FAILED`; `PC_ERR_BUSY`; `PC_ERR_READ_ONLY`;
/// `PC_ERR_MAP_FULL`; `PC_ERR_DISK_FULL`; `PC_ERR_COMMIT_UNKNOWN`; `PC_ERR_ENV_FAILED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_collection_drop(env: pc_env, name: *const c_char) -> pc_status {
    boundary!({
        // SAFETY: the header's contract for texts.
        let name = unsafe { text("name", name)? };
        Ok(if handle::env(env)?.drop_collection(name)? { PC_OK } else { PC_NOT_FOUND })
    })
}

/// Returns a collection's kind and types, without opening it.
///
/// - `name`: NUL-terminated UTF-8. Only read during the call.
/// - `kind`: receives one of `PC_KIND_*`. Not `NULL`.
/// - `types`: receives key type and value type, each NUL-terminated, one after the other: the value type is at
///   `data + strlen(data) + 1`. Both are empty for a raw collection; a set's value type is `unit`. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_NOT_FOUND`: no collection has this name; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`;
/// `PC_ERR_FORKED`; `PC_ERR_BAD_NAME`; `PC_ERR_REQUIRES`; `PC_ERR_CORRUPTED`; `PC_ERR_NO_MEMORY`;
/// `PC_ERR_READERS_FULL`; `PC_ERR_ENV_FAILED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_collection_schema(
    env: pc_env,
    name: *const c_char,
    kind: *mut i32,
    types: *mut pc_buffer,
) -> pc_status {
    boundary!({
        // SAFETY: the header's contract for texts and buffers.
        let (name, types) = unsafe { (text("name", name)?, pc_buffer::required("types", types)?) };
        let kind = Out::required("kind", kind)?;
        let Some(found) = handle::env(env)?.schema(name)? else { return Ok(PC_NOT_FOUND) };
        let (number, texts) = match found.schema {
            Some(schema) => {
                let number = match schema.kind {
                    Kind::Dict => PC_KIND_DICT,
                    Kind::Set => PC_KIND_SET,
                };
                (number, memory::written(&format_args!("{}\0{}\0", schema.key, schema.value))?)
            }
            None => (PC_KIND_RAW, "\0\0".to_owned()),
        };
        types.store(texts.as_bytes())?;
        // SAFETY: the header's contract for outputs.
        unsafe { kind.write(number) };
        Ok(PC_OK)
    })
}

/// Writes the types of an open collection, each with a NUL, and whether it is raw.
///
/// # Safety
/// `raw` keeps the contract of [`Out::write`].
pub(super) unsafe fn store_types(
    collection: &Collection,
    with_value: bool,
    types: &mut pc_buffer,
    raw: Out<bool>,
) -> Result<()> {
    let key = collection.key_type();
    let texts = if with_value {
        memory::written(&format_args!("{key}\0{}\0", collection.value_type()))?
    } else {
        memory::written(&format_args!("{key}\0"))?
    };
    types.store(texts.as_bytes())?;
    // SAFETY: this function has the same contract.
    unsafe { raw.write(collection.is_raw()) };
    Ok(())
}

pub(super) fn open_flags(call: &str, flags: u32) -> Result<OpenFlags> {
    check_flags(call, flags, PC_OPEN_EXISTING | PC_OPEN_ANY_INT)?;
    Ok(OpenFlags { existing: flags & PC_OPEN_EXISTING != 0, any_width: flags & PC_OPEN_ANY_INT != 0 })
}

/// # Safety
/// As for [`optional_text`].
pub(super) unsafe fn optional_type(name: &str, pointer: *const c_char) -> Result<Option<Type>> {
    // SAFETY: this function has the same contract.
    unsafe { optional_text(name, pointer)? }.map(Type::parse).transpose()
}
