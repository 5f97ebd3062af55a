//! Versions of the library, of the ABI, and of LMDB.

use std::ffi::c_char;

use super::boundary::boundary;
use super::status::with_nul;

/// The first number of the library's version at the time of compiling; `pc_version` returns that of the loaded library.
pub const PC_VERSION_MAJOR: u32 = 0;
/// The second number of the library's version.
pub const PC_VERSION_MINOR: u32 = 1;
/// The third number of the library's version.
pub const PC_VERSION_PATCH: u32 = 0;
/// The library's version as text.
pub const PC_VERSION: &str = "0.1.0";
/// The version of this interface. It rises when programs that were compiled against an older header would no longer
/// run; compare it with `pc_abi_version`.
pub const PC_ABI_VERSION: u32 = 1;

const VERSION: &[u8] = &with_nul::<{ PC_VERSION.len() + 1 }>(PC_VERSION);

// The header's numbers are literals, so that C can compare them. They are checked here.
const _: () = {
    const fn is(text: &str, number: u32) -> bool {
        matches!(u32::from_str_radix(text, 10), Ok(parsed) if parsed == number)
    }
    assert!(is(env!("CARGO_PKG_VERSION_MAJOR"), PC_VERSION_MAJOR));
    assert!(is(env!("CARGO_PKG_VERSION_MINOR"), PC_VERSION_MINOR));
    assert!(is(env!("CARGO_PKG_VERSION_PATCH"), PC_VERSION_PATCH));
};

/// Returns the version of the loaded library.
///
/// May be called from any thread.
///
/// Returns: the version, for example `0.1.0`; static text, never `NULL`.
#[unsafe(no_mangle)]
pub extern "C" fn pc_version() -> *const c_char {
    boundary!(c"".as_ptr(), { VERSION.as_ptr().cast() })
}

/// Returns the version of this interface in the loaded library. A binding compares it with the version it was written
/// for, before any other call.
///
/// May be called from any thread.
///
/// Returns: the library's own `PC_ABI_VERSION`.
#[unsafe(no_mangle)]
pub extern "C" fn pc_abi_version() -> u32 {
    boundary!(0, { PC_ABI_VERSION })
}

/// Returns the version of the LMDB inside the library.
///
/// May be called from any thread.
///
/// Returns: LMDB's own version text; static, never `NULL`.
#[unsafe(no_mangle)]
pub extern "C" fn pc_lmdb_version() -> *const c_char {
    boundary!(c"".as_ptr(), { crate::engine::version().as_ptr() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::ffi::CStr;

    #[test]
    fn every_form_of_the_version_is_that_of_the_manifest() {
        let manifest = env!("CARGO_PKG_VERSION");
        assert_eq!(PC_VERSION, manifest);
        assert_eq!(format!("{PC_VERSION_MAJOR}.{PC_VERSION_MINOR}.{PC_VERSION_PATCH}"), manifest);
        // SAFETY: the text is static and NUL-terminated.
        let said = unsafe { CStr::from_ptr(pc_version()) };
        assert_eq!(said.to_str().unwrap(), manifest);
        assert_eq!(pc_abi_version(), PC_ABI_VERSION);
    }
}
