//! Rust's own types as values.

use super::{Stored, Uuid};
use crate::calendar::{Date, DateTime};
use crate::dynamic::Value;
use crate::error::Result;
use crate::memory::{self, TryGrow};
use crate::types::{Element, Type};
use crate::value::{self, check_value, decode_value, encode_value};

macro_rules! stored_numbers {
    ($($rust:ident $ty:ident;)*) => {
        $(
            impl Stored for $rust {
                type Borrowed = $rust;

                fn type_of() -> Type {
                    Type::$ty
                }

                #[inline]
                fn encode(value: &$rust, out: &mut Vec<u8>) -> Result<()> {
                    Ok(out.try_extend(&value.to_le_bytes())?)
                }

                #[inline]
                fn decode(bytes: &[u8]) -> Result<Self> {
                    Ok($rust::from_le_bytes(value::fixed(&Type::$ty, bytes)?))
                }
            }

            impl<const N: usize> Stored for [$rust; N] {
                type Borrowed = [$rust; N];

                fn type_of() -> Type {
                    const { assert!(N > 0, "an array type needs a length above 0") };
                    Type::Array { element: Element::$ty, shape: Some(vec![N]) }
                }

                fn encode(value: &[$rust; N], out: &mut Vec<u8>) -> Result<()> {
                    value::append(out, |out| {
                        out.try_room(size_of_val(value))?;
                        for number in value {
 out.extend_from_slice(&number.to_le_bytes());
}
                        Ok(())
                    })
                }

                fn decode(bytes: &[u8]) -> Result<Self> {
                    check_value(&Self::type_of(), bytes)?;
                    let mut numbers = [$rust::default(); N];
                    for (number, bytes) in numbers.iter_mut().zip(bytes.chunks_exact(size_of::<$rust>())) {
                        *number = $rust::from_le_bytes(value::fixed(&Type::$ty, bytes)?);
                    }
                    Ok(numbers)
                }
            }
        )*
    };
}

stored_numbers! {
    i8 I8;
    i16 I16;
    i32 I32;
    i64 I64;
    u8 U8;
    u16 U16;
    u32 U32;
    u64 U64;
    f32 F32;
    f64 F64;
}

macro_rules! stored_vectors {
    ($($rust:ident $ty:ident;)*) => {
        $(impl Stored for Vec<$rust> {
            type Borrowed = [$rust];

            fn type_of() -> Type {
                Type::Array { element: Element::$ty, shape: None }
            }

            fn encode(value: &[$rust], out: &mut Vec<u8>) -> Result<()> {
                value::append(out, |out| {
                    out.try_room(size_of_val(value))?;
                    for number in value {
 out.extend_from_slice(&number.to_le_bytes());
}
                    Ok(())
                })
            }

            fn decode(bytes: &[u8]) -> Result<Self> {
                check_value(&Self::type_of(), bytes)?;
                let numbers = bytes.chunks_exact(size_of::<$rust>());
                memory::gather(
                    numbers.map(|bytes| Ok($rust::from_le_bytes(value::fixed(&Type::$ty, bytes)?))),
                )
            }
        })*
    };
}

stored_vectors! {
    i8 I8;
    i16 I16;
    i32 I32;
    i64 I64;
    u16 U16;
    u32 U32;
    u64 U64;
    f32 F32;
    f64 F64;
}

impl Stored for String {
    type Borrowed = str;

    fn type_of() -> Type {
        Type::Str
    }

    fn encode(value: &str, out: &mut Vec<u8>) -> Result<()> {
        <Vec<u8> as Stored>::encode(value.as_bytes(), out)
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        check_value(&Type::Str, bytes)?;
        Ok(memory::text(value::get_str(bytes)?)?)
    }
}

impl Stored for Vec<u8> {
    type Borrowed = [u8];

    fn type_of() -> Type {
        Type::Bytes
    }

    fn encode(value: &[u8], out: &mut Vec<u8>) -> Result<()> {
        check_value(&Type::Bytes, value)?;
        Ok(out.try_extend(value)?)
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        check_value(&Type::Bytes, bytes)?;
        Ok(memory::copy(bytes)?)
    }
}

impl Stored for bool {
    type Borrowed = bool;

    fn type_of() -> Type {
        Type::Bool
    }

    fn encode(value: &bool, out: &mut Vec<u8>) -> Result<()> {
        Ok(out.try_push(u8::from(*value))?)
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        check_value(&Type::Bool, bytes)?;
        Ok(bytes == [1])
    }
}

impl Stored for Uuid {
    type Borrowed = Uuid;

    fn type_of() -> Type {
        Type::Uuid
    }

    fn encode(value: &Uuid, out: &mut Vec<u8>) -> Result<()> {
        Ok(out.try_extend(&value.0)?)
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        value::fixed(&Type::Uuid, bytes).map(Uuid)
    }
}

/// Dates and times are stored as integers: the days or microseconds that they count.
macro_rules! times {
    ($($rust:ident of $count:ident;)*) => {
        $(impl Stored for $rust {
            type Borrowed = $rust;

            fn type_of() -> Type {
                Type::$rust
            }

            fn encode(value: &$rust, out: &mut Vec<u8>) -> Result<()> {
                <$count as Stored>::encode(&value.0, out)
            }

            fn decode(bytes: &[u8]) -> Result<Self> {
                Ok($rust($count::from_le_bytes(value::fixed(&Type::$rust, bytes)?)))
            }
        })*
    };
}

times! {
    Date of i32;
    DateTime of i64;
}

impl Stored for Value {
    type Borrowed = Value;

    fn type_of() -> Type {
        Type::Any
    }

    fn encode(value: &Value, out: &mut Vec<u8>) -> Result<()> {
        encode_value(&Type::Any, value, out)
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        decode_value(&Type::Any, bytes)
    }
}
