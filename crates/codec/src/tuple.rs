//! The tuple layer: self-delimiting elements whose bytes sort as their meanings do.
//!
//! The encoding is that of `FoundationDB`, but each element has one form: integers take the fewest bytes (±(2⁶⁴−1) takes
//! eight), −0.0 is written as 0.0, and NaN is refused. Reading refuses all other forms, so that two keys are equal exactly
//! when their bytes are.

use super::dynamic::{Value, integer_of, wrong_kind};
use super::fault::{Fault, Parsed};
use super::limits::MAX_DEPTH;
use super::order;
use super::types::Type;
use crate::error::{Error, Result, Status};
use crate::memory::{self, NoMemory, Short, TryGrow};

const NULL: u8 = 0x00;
const BYTES: u8 = 0x01;
const STR: u8 = 0x02;
const NESTED: u8 = 0x05;
const NEGATIVE_BIG: u8 = 0x0b;
const ZERO: u8 = 0x14;
const POSITIVE_BIG: u8 = 0x1d;
const FLOAT: u8 = 0x20;
const DOUBLE: u8 = 0x21;
const FALSE: u8 = 0x26;
const TRUE: u8 = 0x27;
const UUID: u8 = 0x30;
/// Follows a NUL that is data and not a terminator, and a null in a nested tuple.
const ESCAPE: u8 = 0xff;

/// Writes elements. Each method appends one.
pub mod put {
    use super::{
        BYTES, DOUBLE, ESCAPE, FALSE, FLOAT, NEGATIVE_BIG, POSITIVE_BIG, STR, TRUE, UUID, ZERO, order,
    };
    use crate::error::Result;
    use crate::memory::TryGrow;

    /// Appends a text.
    pub fn str(text: &str, out: &mut impl TryGrow<u8>) -> Result<()> {
        open_text(STR, text.as_bytes(), out)?;
        Ok(out.try_push(0)?)
    }

    /// Appends bytes.
    pub fn bytes(bytes: &[u8], out: &mut impl TryGrow<u8>) -> Result<()> {
        open_text(BYTES, bytes, out)?;
        Ok(out.try_push(0)?)
    }

    /// Appends text or bytes without the terminator.
    pub(super) fn open_text(code: u8, bytes: &[u8], out: &mut impl TryGrow<u8>) -> Result<()> {
        out.try_push(code)?;
        if !bytes.contains(&0) {
            return Ok(out.try_extend(bytes)?);
        }
        for (index, piece) in bytes.split(|byte| *byte == 0).enumerate() {
            if index > 0 {
                out.try_extend(&[0, ESCAPE])?;
            }
            out.try_extend(piece)?;
        }
        Ok(())
    }

    /// Appends an integer of at most 64 bits.
    pub fn integer(negative: bool, magnitude: u64, out: &mut impl TryGrow<u8>) -> Result<()> {
        let skip = magnitude.leading_zeros() / 8;
        let width = u8::try_from(8 - skip).expect("at most eight bytes");
        out.try_push(if negative { ZERO - width } else { ZERO + width })?;
        let bits = if negative { !magnitude } else { magnitude };
        Ok(out.try_extend(&bits.to_be_bytes()[8 - usize::from(width)..])?)
    }

    /// Appends an integer whose magnitude has nine bytes or more. Appends nothing and returns
    /// false if it has more than 255.
    pub(super) fn big(negative: bool, magnitude: &[u8], out: &mut impl TryGrow<u8>) -> Result<bool> {
        let Ok(width) = u8::try_from(magnitude.len()) else { return Ok(false) };
        out.try_room(2 + magnitude.len())?;
        if negative {
            out.try_extend(&[NEGATIVE_BIG, !width])?;
            for byte in magnitude {
                out.try_push(!byte)?;
            }
        } else {
            out.try_extend(&[POSITIVE_BIG, width])?;
            out.try_extend(magnitude)?;
        }
        Ok(true)
    }

    /// Appends a float of 32 bits.
    pub fn f32(number: f32, out: &mut impl TryGrow<u8>) -> Result<()> {
        let bytes = order::encode_f32(number)?;
        out.try_push(FLOAT)?;
        Ok(out.try_extend(&bytes)?)
    }

    /// Appends a float.
    pub fn f64(number: f64, out: &mut impl TryGrow<u8>) -> Result<()> {
        let bytes = order::encode_f64(number)?;
        out.try_push(DOUBLE)?;
        Ok(out.try_extend(&bytes)?)
    }

    /// Appends a bool.
    pub fn bool(truth: bool, out: &mut impl TryGrow<u8>) -> Result<()> {
        Ok(out.try_push(if truth { TRUE } else { FALSE })?)
    }

    /// Appends a UUID.
    pub fn uuid(uuid: [u8; 16], out: &mut impl TryGrow<u8>) -> Result<()> {
        out.try_push(UUID)?;
        Ok(out.try_extend(&uuid)?)
    }
}

/// Text or bytes as a key has them, with an FF after each NUL.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(&'a [u8]);

impl<'a> Escaped<'a> {
    /// Returns the text or bytes, or `None` if they contain a NUL.
    #[inline]
    #[must_use]
    pub fn plain(self) -> Option<&'a [u8]> {
        (!self.0.contains(&0)).then_some(self.0)
    }

    /// Copies the text or bytes.
    pub fn to_vec(self) -> std::result::Result<Vec<u8>, NoMemory> {
        let mut plain = memory::room_for(self.0.len())?;
        let mut after_nul = false;
        for byte in self.0 {
            if !after_nul {
                plain.push(*byte);
            }
            after_nul = *byte == 0 && !after_nul;
        }
        Ok(plain)
    }
}

/// A piece of a key.
#[derive(Clone, Copy, Debug)]
pub enum Token<'a> {
    Null,
    Open,
    Close,
    Bytes(Escaped<'a>),
    Str(Escaped<'a>),
    Integer {
        negative: bool,
        magnitude: u64,
    },
    /// The bytes of the magnitude, complemented if the integer is negative.
    Big {
        negative: bool,
        digits: &'a [u8],
    },
    F32(f32),
    F64(f64),
    Bool(bool),
    Uuid([u8; 16]),
}

/// Reads tokens, and accepts only the one form of each.
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, depth: 0 }
    }

    pub fn finish(&self) -> Parsed<()> {
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            Err(Fault::new(self.at, "bytes after the last element"))
        }
    }

    /// Returns where the next token begins.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }

    pub fn token(&mut self) -> Parsed<Token<'a>> {
        let start = self.at;
        let [code] = *self.array::<1>()?;
        match code {
            NULL => Ok(self.null_or_close()),
            BYTES => Ok(Token::Bytes(self.text(|_| true)?)),
            STR => Ok(Token::Str(self.text(|piece| simdutf8::basic::from_utf8(piece).is_ok())?)),
            NESTED => {
                if self.depth == MAX_DEPTH {
                    return Err(Fault::new(start, "tuples nested over 128 deep"));
                }
                self.depth += 1;
                Ok(Token::Open)
            }
            NEGATIVE_BIG | POSITIVE_BIG => self.big(code == NEGATIVE_BIG),
            0x0c..=0x1c => self.integer(code),
            FLOAT => {
                let at = self.at;
                order::decode_f32(*self.array()?).map(Token::F32).ok_or(Fault::new(at, "NaN or −0.0"))
            }
            DOUBLE => {
                let at = self.at;
                order::decode_f64(*self.array()?).map(Token::F64).ok_or(Fault::new(at, "NaN or −0.0"))
            }
            FALSE => Ok(Token::Bool(false)),
            TRUE => Ok(Token::Bool(true)),
            UUID => Ok(Token::Uuid(*self.array()?)),
            _ => Err(Fault::new(start, "an element of unknown kind")),
        }
    }

    fn null_or_close(&mut self) -> Token<'a> {
        if self.depth == 0 {
            return Token::Null;
        }
        if self.bytes.get(self.at) == Some(&ESCAPE) {
            self.at += 1;
            return Token::Null;
        }
        self.depth -= 1;
        Token::Close
    }

    /// Reads text or bytes up to the terminator, and checks each piece between NULs.
    fn text(&mut self, is_valid: impl Fn(&[u8]) -> bool) -> Parsed<Escaped<'a>> {
        let start = self.at;
        loop {
            let rest = &self.bytes[self.at..];
            let Some(nul) = rest.iter().position(|byte| *byte == 0) else {
                return Err(Fault::new(self.bytes.len(), "text or bytes without a terminator"));
            };
            if !is_valid(&rest[..nul]) {
                return Err(Fault::new(self.at, "text that is not UTF-8"));
            }
            self.at += nul + 1;
            if rest.get(nul + 1) != Some(&ESCAPE) {
                return Ok(Escaped(&self.bytes[start..self.at - 1]));
            }
            self.at += 1;
        }
    }

    fn integer(&mut self, code: u8) -> Parsed<Token<'a>> {
        let at = self.at;
        let negative = code < ZERO;
        let digits = self.take(usize::from(code.abs_diff(ZERO)))?;
        let mask = if negative { 0xff } else { 0 };
        if digits.first() == Some(&mask) {
            return Err(Fault::new(at, "an integer with more bytes than it needs"));
        }
        let magnitude = digits.iter().fold(0, |sum, byte| (sum << 8) | u64::from(byte ^ mask));
        Ok(Token::Integer { negative, magnitude })
    }

    fn big(&mut self, negative: bool) -> Parsed<Token<'a>> {
        let at = self.at;
        let mask = if negative { 0xff } else { 0 };
        let [width] = *self.array::<1>()?;
        let digits = self.take(usize::from(width ^ mask))?;
        if digits.len() < 9 || digits[0] == mask {
            return Err(Fault::new(at, "an integer with more bytes than it needs"));
        }
        Ok(Token::Big { negative, digits })
    }

    fn take(&mut self, width: usize) -> Parsed<&'a [u8]> {
        let taken = self.bytes[self.at..].get(..width);
        let taken = taken.ok_or(Fault::new(self.bytes.len(), "an element that is cut short"))?;
        self.at += width;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Parsed<&'a [u8; N]> {
        let taken = self.bytes[self.at..].first_chunk();
        let taken = taken.ok_or(Fault::new(self.bytes.len(), "an element that is cut short"))?;
        self.at += N;
        Ok(taken)
    }
}

/// Checks a key of `any`: exactly one element, which may be a nested tuple.
pub(super) fn check_one(bytes: &[u8]) -> Parsed<()> {
    let mut reader = Reader::new(bytes);
    loop {
        let at = reader.at();
        if let Token::F32(_) = reader.token()? {
            return Err(Fault::new(at, "a float of 32 bits where floats have 64"));
        }
        if reader.depth == 0 {
            return reader.finish();
        }
    }
}

/// Checks a key of a tuple type: the elements one after the other.
pub(super) fn check_row(types: &[Type], bytes: &[u8]) -> Parsed<()> {
    let mut reader = Reader::new(bytes);
    for ty in types {
        let at = reader.at();
        if !is_of_type(reader.token()?, ty) {
            return Err(Fault::new(at, "an element that is not of the tuple's type"));
        }
    }
    reader.finish()
}

fn is_of_type(token: Token<'_>, ty: &Type) -> bool {
    match (ty, token) {
        (Type::Bytes, Token::Bytes(_))
        | (Type::Str, Token::Str(_))
        | (Type::F32, Token::F32(_))
        | (Type::F64, Token::F64(_))
        | (Type::Bool, Token::Bool(_))
        | (Type::Uuid, Token::Uuid(_)) => true,
        (_, Token::Integer { negative, magnitude }) => {
            let number = signed(negative, magnitude);
            element_range(ty).is_some_and(|(least, greatest)| (least..=greatest).contains(&number))
        }
        _ => false,
    }
}

/// Returns the range of the integers that elements of this type are stored as.
fn element_range(ty: &Type) -> Option<(i128, i128)> {
    match ty {
        Type::Date => Type::I32.integer_range(),
        Type::DateTime => Type::I64.integer_range(),
        _ => ty.integer_range(),
    }
}

pub(super) fn signed(negative: bool, magnitude: u64) -> i128 {
    if negative { -i128::from(magnitude) } else { i128::from(magnitude) }
}

fn put_i128(number: i128, out: &mut Vec<u8>) -> Result<()> {
    let magnitude =
        u64::try_from(number.unsigned_abs()).expect("the range of every integer type was checked");
    put::integer(number < 0, magnitude, out)
}

/// Appends a key of `any`.
pub(super) fn encode_one(value: &Value, out: &mut Vec<u8>) -> Result<()> {
    encode_nested(value, out, MAX_DEPTH, false)
}

fn encode_nested(value: &Value, out: &mut Vec<u8>, depth: usize, inside: bool) -> Result<()> {
    match value {
        Value::Null if inside => out.try_extend(&[NULL, ESCAPE])?,
        Value::Null => out.try_push(NULL)?,
        Value::Bytes(bytes) => put::bytes(bytes, out)?,
        Value::Str(text) => put::str(text, out)?,
        Value::F64(number) => put::f64(*number, out)?,
        Value::Bool(truth) => put::bool(*truth, out)?,
        Value::Uuid(uuid) => put::uuid(*uuid, out)?,
        Value::I64(_) | Value::U64(_) | Value::BigInt { .. } => encode_integer(value, out)?,
        Value::Tuple(elements) => {
            open_tuple(elements, out, depth)?;
            out.try_push(NULL)?;
        }
        _ => {
            let kinds = "null, bool, integer, float, str, bytes, uuid or a tuple of these";
            let message = format!("a key of type any is {kinds}, not {}", value.kind());
            return Err(Error::new(Status::BadKey, message));
        }
    }
    Ok(())
}

/// Appends a nested tuple without its terminator.
fn open_tuple(elements: &[Value], out: &mut Vec<u8>, depth: usize) -> Result<()> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(Error::new(Status::BadKey, format!("a key nests tuples at most {MAX_DEPTH} deep")));
    };
    out.try_push(NESTED)?;
    elements.iter().try_for_each(|element| encode_nested(element, out, depth, true))
}

fn encode_integer(value: &Value, out: &mut Vec<u8>) -> Result<()> {
    if let Some(number) = value.as_i128().filter(|number| number.unsigned_abs() <= u128::from(u64::MAX)) {
        return put_i128(number, out);
    }
    let (negative, magnitude) = value.big_parts();
    if put::big(negative, magnitude, out)? {
        return Ok(());
    }
    let message = format!("an integer of {} bytes cannot be a key; 255 is the limit", magnitude.len());
    Err(Error::new(Status::BadKey, message))
}

/// Appends a key of a tuple type. If `whole` is false, leading elements alone are allowed.
pub(super) fn encode_row(
    (ty, types): (&Type, &[Type]),
    value: &Value,
    out: &mut Vec<u8>,
    whole: bool,
) -> Result<()> {
    let Value::Tuple(elements) = value else {
        return Err(wrong_kind(Status::BadKey, ty, value));
    };
    if elements.len() > types.len() || (whole && elements.len() < types.len()) {
        let message = format!("a key of type {} cannot have {} elements", Short(ty), elements.len());
        return Err(Error::new(Status::BadKey, message));
    }
    types.iter().zip(elements).try_for_each(|(ty, element)| encode_element(ty, element, out))
}

fn encode_element(ty: &Type, value: &Value, out: &mut Vec<u8>) -> Result<()> {
    match (ty, value) {
        (Type::Bytes, Value::Bytes(bytes)) => put::bytes(bytes, out)?,
        (Type::Str, Value::Str(text)) => put::str(text, out)?,
        (Type::F32, Value::F64(number)) => put::f32(order::exact_f32(*number)?, out)?,
        (Type::F64, Value::F64(number)) => put::f64(*number, out)?,
        (Type::Bool, Value::Bool(truth)) => put::bool(*truth, out)?,
        (Type::Uuid, Value::Uuid(uuid)) => put::uuid(*uuid, out)?,
        (Type::Date, Value::Date(days)) => put_i128(i128::from(*days), out)?,
        (Type::DateTime, Value::DateTime(micros)) => put_i128(i128::from(*micros), out)?,
        _ if ty.is_integer() => put_i128(integer_of(ty, value, Status::BadKey)?, out)?,
        _ => return Err(wrong_kind(Status::BadKey, ty, value)),
    }
    Ok(())
}

/// Appends the bytes that every key of `any` with this prefix begins with: text, bytes or a tuple without the terminator.
pub(super) fn encode_prefix(prefix: &Value, out: &mut Vec<u8>) -> Result<()> {
    match prefix {
        Value::Str(text) => put::open_text(STR, text.as_bytes(), out)?,
        Value::Bytes(bytes) => put::open_text(BYTES, bytes, out)?,
        Value::Tuple(elements) => open_tuple(elements, out, MAX_DEPTH)?,
        _ => {
            let message =
                format!("a prefix of keys of type any is str, bytes or a tuple, not {}", prefix.kind());
            return Err(Error::new(Status::BadKey, message));
        }
    }
    Ok(())
}

/// Reads a key of `any`.
pub(super) fn decode_one(bytes: &[u8]) -> Parsed<Value> {
    check_one(bytes)?;
    let mut reader = Reader::new(bytes);
    let mut open: Vec<Vec<Value>> = Vec::new();
    loop {
        let at = reader.at();
        let value = match reader.token()? {
            Token::Open => {
                open.try_push(Vec::new())?;
                continue;
            }
            Token::Close => Value::Tuple(open.pop().unwrap_or_default()),
            token => decode_token(token, at)?,
        };
        match open.last_mut() {
            Some(tuple) => tuple.try_push(value)?,
            None => return Ok(value),
        }
    }
}

/// Reads a key of a tuple type.
pub(super) fn decode_row(types: &[Type], bytes: &[u8]) -> Parsed<Value> {
    check_row(types, bytes)?;
    let mut reader = Reader::new(bytes);
    let mut elements = memory::room_for(types.len())?;
    for ty in types {
        let at = reader.at();
        let out_of_range = |_| Fault::new(at, "an integer out of its type's range");
        elements.push(match (ty, reader.token()?) {
            (Type::Date, Token::Integer { negative, magnitude }) => {
                Value::Date(i32::try_from(signed(negative, magnitude)).map_err(out_of_range)?)
            }
            (Type::DateTime, Token::Integer { negative, magnitude }) => {
                Value::DateTime(i64::try_from(signed(negative, magnitude)).map_err(out_of_range)?)
            }
            (Type::U64, Token::Integer { magnitude, .. }) => Value::U64(magnitude),
            (_, token) => decode_token(token, at)?,
        });
    }
    Ok(Value::Tuple(elements))
}

fn decode_token(token: Token<'_>, at: usize) -> Parsed<Value> {
    Ok(match token {
        Token::Null => Value::Null,
        Token::Open | Token::Close => return Err(Fault::new(at, "a tuple inside a tuple")),
        Token::Bytes(escaped) => Value::Bytes(escaped.to_vec()?),
        Token::Str(escaped) => {
            let text = String::from_utf8(escaped.to_vec()?);
            Value::Str(text.map_err(|_| Fault::new(at, "text that is not UTF-8"))?)
        }
        Token::Integer { negative, magnitude } => Value::from_parts(negative, magnitude),
        Token::Big { negative, digits } => {
            let mask = if negative { 0xff } else { 0 };
            Value::BigInt { negative, magnitude: digits.iter().map(|byte| byte ^ mask).collect() }
        }
        Token::F32(number) => Value::F64(f64::from(number)),
        Token::F64(number) => Value::F64(number),
        Token::Bool(truth) => Value::Bool(truth),
        Token::Uuid(uuid) => Value::Uuid(uuid),
    })
}
