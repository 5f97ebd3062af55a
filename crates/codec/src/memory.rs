//! Fallible allocation, for sizes that a value, a file or a caller decides.
//!
//! The allocations of the standard library end the process if no memory is left. Data that can be larger than a page is
//! allocated by the functions of this module, which fail with [`NoMemory`] instead; it becomes the error type of the caller,
//! with [`Status::NoMemory`].

use std::fmt;

use crate::error::{Error, Status};

/// An allocation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMemory {
    /// The number of bytes that were requested.
    pub bytes: usize,
}

impl From<NoMemory> for Error {
    #[cold]
    fn from(NoMemory { bytes }: NoMemory) -> Error {
        Error::new(Status::NoMemory, format!("no memory for {bytes} bytes; free some and try again"))
    }
}

impl From<NoMemory> for std::io::Error {
    fn from(_: NoMemory) -> std::io::Error {
        std::io::ErrorKind::OutOfMemory.into()
    }
}

/// Growing that can fail. A failure leaves the vector unchanged.
pub trait TryGrow<T> {
    /// Reserves room for more items.
    fn try_room(&mut self, more: usize) -> Result<(), NoMemory>;

    /// Appends an item.
    fn try_push(&mut self, item: T) -> Result<(), NoMemory>;

    /// Appends a copy of items.
    fn try_extend(&mut self, items: &[T]) -> Result<(), NoMemory>
    where
        T: Copy;
}

impl<T> TryGrow<T> for Vec<T> {
    #[inline]
    fn try_room(&mut self, more: usize) -> Result<(), NoMemory> {
        match self.try_reserve(more) {
            Ok(()) => Ok(()),
            Err(_) => Err(NoMemory { bytes: self.len().saturating_add(more).saturating_mul(size_of::<T>()) }),
        }
    }

    #[inline]
    fn try_push(&mut self, item: T) -> Result<(), NoMemory> {
        self.try_room(1)?;
        self.push(item);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, items: &[T]) -> Result<(), NoMemory>
    where
        T: Copy,
    {
        self.try_room(items.len())?;
        self.extend_from_slice(items);
        Ok(())
    }
}

/// An allocation of at most so many bytes is small: if it fails, the process may end.
const SMALL: usize = 1 << 10;

/// Makes an empty vector with room for exactly so many items.
#[inline]
pub fn room_for<T>(items: usize) -> Result<Vec<T>, NoMemory> {
    // Infallible allocation takes fewer instructions.
    if items <= SMALL / size_of::<T>().max(1) { Ok(Vec::with_capacity(items)) } else { large_room_for(items) }
}

fn large_room_for<T>(items: usize) -> Result<Vec<T>, NoMemory> {
    let mut made = Vec::new();
    match made.try_reserve_exact(items) {
        Ok(()) => Ok(made),
        Err(_) => Err(NoMemory { bytes: items.saturating_mul(size_of::<T>()) }),
    }
}

/// Copies items.
#[inline]
pub fn copy<T: Copy>(items: &[T]) -> Result<Vec<T>, NoMemory> {
    let mut copied = room_for(items.len())?;
    copied.extend_from_slice(items);
    Ok(copied)
}

/// Copies text.
#[inline]
pub fn text(text: &str) -> Result<String, NoMemory> {
    if text.len() <= SMALL {
        return Ok(text.to_owned());
    }
    let mut copied = String::new();
    match copied.try_reserve_exact(text.len()) {
        Ok(()) => copied.push_str(text),
        Err(_) => return Err(NoMemory { bytes: text.len() }),
    }
    Ok(copied)
}

/// Makes bytes that are all zero.
pub fn zeros(size: usize) -> Result<Vec<u8>, NoMemory> {
    let mut made = room_for(size)?;
    made.resize(size, 0);
    Ok(made)
}

/// Collects the items of an iterator, up to its first failure.
pub fn gather<T, E: From<NoMemory>>(items: impl Iterator<Item = Result<T, E>>) -> Result<Vec<T>, E> {
    let mut gathered = room_for(items.size_hint().0)?;
    for item in items {
        gathered.try_push(item?)?;
    }
    Ok(gathered)
}

/// Formats something that can be long, such as the name of a type.
pub fn written(what: &impl fmt::Display) -> Result<String, NoMemory> {
    let mut text = Text::default();
    text.add(format_args!("{what}"))?;
    Ok(text.0)
}

/// Text that is written to, and grows fallibly.
#[derive(Default)]
pub struct Text(pub String);

impl Text {
    /// Appends formatted text. After a failure, a part of it may have been appended.
    pub fn add(&mut self, more: fmt::Arguments<'_>) -> Result<(), NoMemory> {
        fmt::Write::write_fmt(self, more).map_err(|_| NoMemory { bytes: self.0.len().saturating_mul(2) })
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        self.0.try_reserve(more.len()).map_err(|_| fmt::Error)?;
        self.0.push_str(more);
        Ok(())
    }
}

/// How many characters of a text or a type a message quotes at most.
const QUOTED: usize = 200;

/// Shows a quotation in a message: if it is long, only its beginning, and an ellipsis.
pub struct Short<T>(pub T);

impl<T: fmt::Display> fmt::Display for Short<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        cut(f, format_args!("{}", self.0))
    }
}

impl<T: fmt::Debug> fmt::Debug for Short<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        cut(f, format_args!("{:?}", self.0))
    }
}

fn cut(f: &mut fmt::Formatter<'_>, whole: fmt::Arguments<'_>) -> fmt::Result {
    let mut cut = Cut { out: f, left: QUOTED, is_full: false };
    let written = fmt::Write::write_fmt(&mut cut, whole);
    if cut.is_full { f.write_str("…") } else { written }
}

/// Passes on so many characters, and then fails to end the writing.
struct Cut<'a, 'f> {
    out: &'a mut fmt::Formatter<'f>,
    left: usize,
    is_full: bool,
}

impl fmt::Write for Cut<'_, '_> {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        match more.char_indices().nth(self.left) {
            None => {
                self.left -= more.chars().count();
                self.out.write_str(more)
            }
            Some((end, _)) => {
                self.out.write_str(&more[..end])?;
                self.is_full = true;
                Err(fmt::Error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_failed_allocation_leaves_a_vector_unchanged() {
        let mut numbers = vec![1_u64, 2];
        assert_eq!(numbers.try_room(usize::MAX / 16).unwrap_err(), NoMemory { bytes: usize::MAX / 2 + 9 });
        assert_eq!(numbers, [1, 2]);
        numbers.try_push(3).unwrap();
        numbers.try_extend(&[4, 5]).unwrap();
        assert_eq!(numbers, [1, 2, 3, 4, 5]);
        assert!(room_for::<u64>(usize::MAX).is_err() && zeros(usize::MAX).is_err());
        let error = Error::from(NoMemory { bytes: 7 });
        assert_eq!((error.status(), error.message().contains("7 bytes")), (Status::NoMemory, true));
    }

    #[test]
    fn copies_equal_the_original() {
        assert_eq!(copy(b"abc").unwrap(), b"abc");
        assert_eq!(text("år").unwrap(), "år");
        assert_eq!(written(&-7).unwrap(), "-7");
        assert_eq!(zeros(3).unwrap(), [0; 3]);
        let gathered: Result<Vec<i32>, NoMemory> = gather([Ok(1), Ok(2)].into_iter());
        assert_eq!(gathered, Ok(vec![1, 2]));
        let failed: Result<Vec<i32>, NoMemory> = gather([Ok(1), Err(NoMemory { bytes: 1 })].into_iter());
        assert_eq!(failed, Err(NoMemory { bytes: 1 }));
    }

    #[test]
    fn a_long_text_is_quoted_in_part() {
        let exact = "å".repeat(QUOTED);
        assert_eq!(Short(&exact).to_string(), exact);
        let long = format!("{exact}b");
        assert_eq!(Short(&long).to_string(), format!("{exact}…"));
        assert_eq!(format!("{:?}", Short("a\"b")), r#""a\"b""#);
        let quoted = format!("{:?}", Short(&"x".repeat(1 << 20)));
        assert_eq!(quoted.chars().count(), QUOTED + 1);
        assert_eq!(format!("[{}]", Short(7)), "[7]");
    }
}
