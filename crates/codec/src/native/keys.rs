//! Rust's own types as keys, and as elements of keys that are tuples.

use super::sealed::Element;
use super::{Key, KeyElement, Uuid};
use crate::calendar::{Date, DateTime};
use crate::dynamic::Value;
use crate::error::{Result, Status};
use crate::fault::{Fault, Parsed};
use crate::key::{self, check_key};
use crate::key::{decode_key, encode_key};
use crate::limits::MAX_KEY;
use crate::memory::{self, TryGrow};
use crate::order;
use crate::tuple::{self, Reader, Token, put};
use crate::types::Type;

const OTHER_ELEMENT: &str = "an element that is not of the tuple's type";

macro_rules! integers {
    ($($rust:ident $ty:ident $sign_bit:expr;)*) => {
        $(
            impl Key for $rust {
                type Borrowed = $rust;

                fn type_of() -> Type {
                    Type::$ty
                }

                #[inline]
                fn encode(key: &$rust, out: &mut Vec<u8>) -> Result<()> {
                    Ok(out.try_extend(&(*key ^ $sign_bit).to_be_bytes())?)
                }

                #[inline]
                fn decode(bytes: &[u8]) -> Result<Self> {
                    key::number(&Type::$ty, bytes, |bytes| Some($rust::from_be_bytes(bytes) ^ $sign_bit))
                }
            }

            impl Element for $rust {
                fn element_type() -> Type {
                    Type::$ty
                }

                fn put(&self, out: &mut Vec<u8>) -> Result<()> {
                    let number = i128::from(*self);
                    let magnitude = u64::try_from(number.unsigned_abs()).expect("no type has more than 64 bits");
                    put::integer(number < 0, magnitude, out)
                }

                fn take(reader: &mut Reader<'_>) -> Parsed<Self> {
                    let fault = Fault::new(reader.at(), OTHER_ELEMENT);
                    match reader.token()? {
                        Token::Integer { negative, magnitude } => {
                            $rust::try_from(tuple::signed(negative, magnitude)).map_err(|_| fault)
                        }
                        _ => Err(fault),
                    }
                }
            }
        )*
    };
}

integers! {
    i8 I8 i8::MIN;
    i16 I16 i16::MIN;
    i32 I32 i32::MIN;
    i64 I64 i64::MIN;
    u8 U8 0;
    u16 U16 0;
    u32 U32 0;
    u64 U64 0;
}

macro_rules! float_keys {
    ($($rust:ident $ty:ident $encode:ident $decode:ident;)*) => {
        $(
            impl Key for $rust {
                type Borrowed = $rust;

                fn type_of() -> Type {
                    Type::$ty
                }

                fn encode(key: &$rust, out: &mut Vec<u8>) -> Result<()> {
                    Ok(out.try_extend(&order::$encode(*key)?)?)
                }

                fn decode(bytes: &[u8]) -> Result<Self> {
                    key::number(&Type::$ty, bytes, order::$decode)
                }
            }

            impl Element for $rust {
                fn element_type() -> Type {
                    Type::$ty
                }

                fn put(&self, out: &mut Vec<u8>) -> Result<()> {
                    put::$rust(*self, out)
                }

                fn take(reader: &mut Reader<'_>) -> Parsed<Self> {
                    let fault = Fault::new(reader.at(), OTHER_ELEMENT);
                    match reader.token()? {
                        Token::$ty(number) => Ok(number),
                        _ => Err(fault),
                    }
                }
            }
        )*
    };
}

float_keys! {
    f32 F32 encode_f32 decode_f32;
    f64 F64 encode_f64 decode_f64;
}

impl Key for String {
    type Borrowed = str;

    fn type_of() -> Type {
        Type::Str
    }

    #[inline]
    fn encode(key: &str, out: &mut Vec<u8>) -> Result<()> {
        key::append(out, |out| key::put_str(key, out))
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        check_key(&Type::Str, bytes)?;
        Ok(memory::text(key::get_str(bytes)?)?)
    }
}

impl Element for String {
    fn element_type() -> Type {
        Type::Str
    }

    fn put(&self, out: &mut Vec<u8>) -> Result<()> {
        put::str(self, out)
    }

    fn take(reader: &mut Reader<'_>) -> Parsed<Self> {
        let fault = Fault::new(reader.at(), OTHER_ELEMENT);
        match reader.token()? {
            Token::Str(escaped) => String::from_utf8(escaped.to_vec()?).map_err(|_| fault),
            _ => Err(fault),
        }
    }
}

impl Key for Vec<u8> {
    type Borrowed = [u8];

    fn type_of() -> Type {
        Type::Bytes
    }

    #[inline]
    fn encode(key: &[u8], out: &mut Vec<u8>) -> Result<()> {
        check_key(&Type::Bytes, key)?;
        Ok(out.try_extend(key)?)
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        check_key(&Type::Bytes, bytes)?;
        Ok(memory::copy(bytes)?)
    }
}

impl Element for Vec<u8> {
    fn element_type() -> Type {
        Type::Bytes
    }

    fn put(&self, out: &mut Vec<u8>) -> Result<()> {
        put::bytes(self, out)
    }

    fn take(reader: &mut Reader<'_>) -> Parsed<Self> {
        let fault = Fault::new(reader.at(), OTHER_ELEMENT);
        match reader.token()? {
            Token::Bytes(escaped) => Ok(escaped.to_vec()?),
            _ => Err(fault),
        }
    }
}

impl Key for bool {
    type Borrowed = bool;

    fn type_of() -> Type {
        Type::Bool
    }

    fn encode(key: &bool, out: &mut Vec<u8>) -> Result<()> {
        Ok(out.try_push(u8::from(*key))?)
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        check_key(&Type::Bool, bytes)?;
        Ok(bytes == [1])
    }
}

impl Element for bool {
    fn element_type() -> Type {
        Type::Bool
    }

    fn put(&self, out: &mut Vec<u8>) -> Result<()> {
        put::bool(*self, out)
    }

    fn take(reader: &mut Reader<'_>) -> Parsed<Self> {
        let fault = Fault::new(reader.at(), OTHER_ELEMENT);
        match reader.token()? {
            Token::Bool(truth) => Ok(truth),
            _ => Err(fault),
        }
    }
}

impl Key for Uuid {
    type Borrowed = Uuid;

    fn type_of() -> Type {
        Type::Uuid
    }

    fn encode(key: &Uuid, out: &mut Vec<u8>) -> Result<()> {
        Ok(out.try_extend(&key.0)?)
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        key::number(&Type::Uuid, bytes, |bytes| Some(Uuid(bytes)))
    }
}

impl Element for Uuid {
    fn element_type() -> Type {
        Type::Uuid
    }

    fn put(&self, out: &mut Vec<u8>) -> Result<()> {
        put::uuid(self.0, out)
    }

    fn take(reader: &mut Reader<'_>) -> Parsed<Self> {
        let fault = Fault::new(reader.at(), OTHER_ELEMENT);
        match reader.token()? {
            Token::Uuid(uuid) => Ok(Uuid(uuid)),
            _ => Err(fault),
        }
    }
}

/// Dates and times are stored as integers: the days or microseconds that they count.
macro_rules! times {
    ($($rust:ident of $count:ident;)*) => {
        $(
            impl Key for $rust {
                type Borrowed = $rust;

                fn type_of() -> Type {
                    Type::$rust
                }

                fn encode(key: &$rust, out: &mut Vec<u8>) -> Result<()> {
                    <$count as Key>::encode(&key.0, out)
                }

                fn decode(bytes: &[u8]) -> Result<Self> {
                    check_key(&Type::$rust, bytes)?;
                    <$count as Key>::decode(bytes).map($rust)
                }
            }

            impl Element for $rust {
                fn element_type() -> Type {
                    Type::$rust
                }

                fn put(&self, out: &mut Vec<u8>) -> Result<()> {
                    self.0.put(out)
                }

                fn take(reader: &mut Reader<'_>) -> Parsed<Self> {
                    <$count as Element>::take(reader).map($rust)
                }
            }
        )*
    };
}

times! {
    Date of i32;
    DateTime of i64;
}

macro_rules! tuples {
    ($(($($name:ident $place:tt),+);)*) => {
        $(impl<$($name: KeyElement),+> Key for ($($name,)+) {
            type Borrowed = ($($name,)+);

            fn type_of() -> Type {
                Type::Tuple(vec![$($name::element_type()),+])
            }

            fn encode(key: &Self, out: &mut Vec<u8>) -> Result<()> {
                key::append(out, |out| {
                    $(key.$place.put(out)?;)+
                    Ok(())
                })
            }

            fn decode(bytes: &[u8]) -> Result<Self> {
                if bytes.len() > MAX_KEY {
                    return Err(key::too_long(bytes.len()));
                }
                let mut reader = Reader::new(bytes);
                let mut take = || {
                    let elements = ($($name::take(&mut reader)?,)+);
                    reader.finish()?;
                    Ok(elements)
                };
                take().map_err(|fault: Fault| fault.into_error(Status::BadKey, Self::type_of()))
            }
        })*
    };
}

tuples! {
    (A 0);
    (A 0, B 1);
    (A 0, B 1, C 2);
    (A 0, B 1, C 2, D 3);
    (A 0, B 1, C 2, D 3, E 4);
    (A 0, B 1, C 2, D 3, E 4, F 5);
}

impl Key for Value {
    type Borrowed = Value;

    fn type_of() -> Type {
        Type::Any
    }

    fn encode(key: &Value, out: &mut Vec<u8>) -> Result<()> {
        encode_key(&Type::Any, key, out)
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        decode_key(&Type::Any, bytes)
    }
}
