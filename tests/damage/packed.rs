//! The packed data files beside this one, which other releases of LMDB wrote. `make-bases` makes them again.

/// Unpacks a file: pieces of a length and as many bytes, or of a length with its highest bit set and one byte to repeat.
pub fn unpack(mut packed: &[u8]) -> Vec<u8> {
    const RUN: usize = 0x8000;
    let mut file = Vec::new();
    while let Some((length, rest)) = packed.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length));
        if length & RUN == 0 {
            file.extend_from_slice(&rest[..length]);
            packed = &rest[length..];
        } else {
            file.resize(file.len() + (length & !RUN), rest[0]);
            packed = &rest[1..];
        }
    }
    file
}
