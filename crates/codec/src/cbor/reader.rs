//! Reads items of known types, one after another, without allocating.

use super::head::{ARRAY, Head, MAP, SIMPLE, TEXT, UNSIGNED, head, skip, text};
use crate::fault::{Fault, Parsed};
use crate::limits::MAX_DEPTH;

/// Reads the items of a record in order. An item of another type than the one asked for is a fault, and so is one that is
/// not well-formed.
#[derive(Clone, Debug)]
pub struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Reader<'b> {
    /// Starts at the first of the bytes.
    #[must_use]
    pub const fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Enters a map and returns how many entries follow. The count may be wrong.
    pub fn map(&mut self) -> Parsed<u64> {
        self.expect(MAP, "an item that is not a map").map(|head| head.argument)
    }

    /// Enters an array and returns how many items follow. The count may be wrong.
    pub fn array(&mut self) -> Parsed<u64> {
        self.expect(ARRAY, "an item that is not an array").map(|head| head.argument)
    }

    /// Reads an integer from 0 on.
    pub fn unsigned(&mut self) -> Parsed<u64> {
        self.expect(UNSIGNED, "an item that is not an integer from 0 on").map(|head| head.argument)
    }

    /// Reads `false` or `true`.
    pub fn truth(&mut self) -> Parsed<bool> {
        let at = self.at;
        let expected = "an item that is neither false nor true";
        match self.expect(SIMPLE, expected)?.info {
            20 => Ok(false),
            21 => Ok(true),
            _ => Err(Fault::new(at, expected)),
        }
    }

    /// Reads a text.
    pub fn text(&mut self) -> Parsed<&'b str> {
        let head = self.expect(TEXT, "an item that is not a text")?;
        let text = text(self.bytes, &head)?;
        self.at += text.len();
        Ok(text)
    }

    /// Reads a text. Returns `None` if the next item is of another type, and skips it.
    pub fn text_or_skip(&mut self) -> Parsed<Option<&'b str>> {
        if head(self.bytes, self.at)?.major == TEXT {
            return self.text().map(Some);
        }
        self.skip().map(|()| None)
    }

    /// Skips one item with everything in it.
    pub fn skip(&mut self) -> Parsed<()> {
        self.at = skip(self.bytes, self.at, MAX_DEPTH)?;
        Ok(())
    }

    fn expect(&mut self, major: u8, expected: &'static str) -> Parsed<Head> {
        let head = head(self.bytes, self.at)?;
        if head.major != major {
            return Err(Fault::new(self.at, expected));
        }
        self.at = head.next;
        Ok(head)
    }
}
