//! Finds the address where a file's memory map begins.

/// True if the system reports it.
pub(crate) const IS_REPORTED: bool = cfg!(all(target_os = "linux", not(feature = "no-mapping")));

/// Returns the address of a mapped file's first byte (or where it would be if it were mapped), given an address in the
/// map. Returns `None` if the system does not report it.
///
/// Source: proc(5), `/proc/pid/maps`: `start-end perms offset dev inode path`, the numbers in hexadecimal.
#[cfg(all(target_os = "linux", not(feature = "no-mapping")))]
pub(crate) fn start_of_file(address: usize) -> Option<usize> {
    use std::io::Read;
    let mut maps = std::fs::File::open("/proc/self/maps").ok()?;
    let (mut read, mut line, mut length) = ([0; 1024], [0; NUMBERS], 0);
    loop {
        let count = maps.read(&mut read).ok().filter(|count| *count > 0)?;
        for byte in read.get(..count)? {
            if *byte == b'\n' {
                if let Some(start) = start_in(line.get(..length)?, address) {
                    return Some(start);
                }
                length = 0;
            } else if let Some(place) = line.get_mut(length) {
                *place = *byte;
                length += 1;
            }
        }
    }
}

/// The line's addresses end before this many bytes.
#[cfg(all(target_os = "linux", not(feature = "no-mapping")))]
const NUMBERS: usize = 80;

/// Returns the same from one line of the system's list.
#[cfg(all(target_os = "linux", not(feature = "no-mapping")))]
fn start_in(line: &[u8], address: usize) -> Option<usize> {
    let number = |digits: &[u8]| usize::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
    let mut words = line.split(|byte| *byte == b' ');
    let mut bounds = words.next()?.split(|byte| *byte == b'-');
    let (start, end) = (number(bounds.next()?)?, number(bounds.next()?)?);
    let offset = number(words.nth(1)?)?;
    if (start..end).contains(&address) { start.checked_sub(offset) } else { None }
}

/// Always returns `None`: this system is not supported.
#[cfg(not(all(target_os = "linux", not(feature = "no-mapping"))))]
pub(crate) fn start_of_file(_address: usize) -> Option<usize> {
    None
}

#[cfg(all(test, target_os = "linux", not(feature = "no-mapping")))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_map_in_parts_begins_where_the_file_does() {
        let line = b"7f0000003000-7f0000005000 r--s 00002000 08:01 42    /a path/\xff";
        assert_eq!(start_in(line, 0x7f00_0000_3000), Some(0x7f00_0000_1000));
        assert_eq!(start_in(line, 0x7f00_0000_4fff), Some(0x7f00_0000_1000));
        assert_eq!(start_in(line, 0x7f00_0000_5000), None);
        assert_eq!(start_in(line, 0x7f00_0000_2fff), None);
        for odd in
            [&b""[..], b"-", b"7f-", b"zz-ff r--s 0 0 0", b"1000-2000 r--s", b"1000-2000 r--s 3000 0 0"]
        {
            assert_eq!(start_in(odd, 0x1800), None, "{odd:?}");
        }
    }

    /// The file is mapped from its second page on.
    #[test]
    fn the_system_reports_where_a_file_is_mapped() {
        use std::os::fd::AsRawFd;
        let page = crate::platform::system::page_size();
        let file = tempfile::tempfile().unwrap();
        file.set_len(3 * page as u64).unwrap();
        // SAFETY: a new map of two pages of the file, which is not read, and is unmapped below.
        let address = unsafe {
            let at = i64::try_from(page).unwrap();
            libc::mmap(
                std::ptr::null_mut(),
                2 * page,
                libc::PROT_READ,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                at,
            )
        };
        assert_ne!(address, libc::MAP_FAILED);
        let start = start_of_file(address as usize + page);
        // SAFETY: the map from above.
        unsafe { libc::munmap(address, 2 * page) };
        assert_eq!(start, Some(address as usize - page));
    }
}
