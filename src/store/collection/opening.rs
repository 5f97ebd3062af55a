//! Opens a collection with the requested types.

use std::sync::Arc;

use super::{Collection, Inner};
use crate::codec::Type;
use crate::engine::schema::{Kind, Schema, check_name};
use crate::error::{Error, Result, Status};
use crate::memory::Short;
use crate::store::registry::Shared;

/// Options for opening a collection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OpenFlags {
    /// Fails if the collection does not exist.
    pub existing: bool,
    /// `i64` accepts any integer type, `f64` any floating-point type.
    pub any_width: bool,
}

/// The collection to open, and its requested kind and types.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub name: &'a str,
    pub kind: Kind,
    /// `None` means the stored type, or `any` for a new collection; the same applies to `value`.
    pub key: Option<&'a Type>,
    pub value: Option<&'a Type>,
    pub flags: OpenFlags,
}

impl Collection {
    /// Opens a collection, or creates it.
    pub(crate) fn open(shared: &Arc<Shared>, asked: Asked<'_>) -> Result<Collection> {
        let Asked { name, kind, key, value, flags } = asked;
        check_name(name)?;
        let copied = |ty: Option<&Type>, otherwise| ty.map_or(Ok(otherwise), Type::try_clone);
        let key_type = copied(key, Type::Any)?;
        key_type.check_as_key()?;
        let value_type = match kind {
            Kind::Set => Type::Unit,
            Kind::Dict => copied(value, Type::Any)?,
        };
        if kind == Kind::Dict {
            value_type.check_as_value()?;
        }
        let wanted = Schema { kind, key: key_type, value: value_type };
        let opened = shared.seat()?.open_collection(name, (!flags.existing).then_some(&wanted))?;
        let Some(opened) = opened else {
            return Err(Error::new(
                Status::NoCollection,
                format!("collection {name:?} does not exist, and this call does not create it"),
            ));
        };
        let schema = if let Some(stored) = opened.schema() {
            check_types(asked, stored)?;
            stored.try_clone()?
        } else {
            let key = copied(key, Type::Bytes)?;
            let value = match kind {
                Kind::Set => Type::Unit,
                Kind::Dict => copied(value, Type::Bytes)?,
            };
            Schema { kind, key, value }
        };
        Ok(Collection(Arc::new(Inner { shared: Arc::clone(shared), name: name.to_owned(), schema, opened })))
    }
}

/// Compares the requested types with the stored ones.
fn check_types(asked: Asked<'_>, stored: &Schema) -> Result<()> {
    let Asked { name, kind, key, value, flags } = asked;
    if stored.kind != kind {
        return Err(Error::new(
            Status::WrongKind,
            format!("collection {name:?} is a {}, not a {}", stored.kind.name(), kind.name()),
        ));
    }
    let fits = |asked: Option<&Type>, stored: &Type| match asked {
        None => true,
        Some(asked) if asked == stored || *stored == Type::Any => true,
        Some(Type::I64) if flags.any_width => stored.is_integer(),
        Some(Type::F64) if flags.any_width => matches!(stored, Type::F32 | Type::F64),
        Some(_) => false,
    };
    let differs = |what: &str, asked: Option<&Type>, stored: &Type| {
        let asked = asked.map_or_else(String::new, |asked| Short(asked).to_string());
        let stored = Short(stored);
        Err(Error::new(
            Status::TypeMismatch,
            format!(
                "the {what} of collection {name:?} are stored as {stored}, but were requested as {asked}"
            ),
        ))
    };
    let keys = if kind == Kind::Set { "elements" } else { "keys" };
    if !fits(key, &stored.key) {
        return differs(keys, key, &stored.key);
    }
    if kind == Kind::Dict && !fits(value, &stored.value) {
        return differs("values", value, &stored.value);
    }
    Ok(())
}
