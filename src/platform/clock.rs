//! Reads clocks that need no system call and advance only every 1 to 10 ms.

#[cfg(target_os = "linux")]
const MONOTONIC: libc::clockid_t = libc::CLOCK_MONOTONIC_COARSE;
#[cfg(not(target_os = "linux"))]
const MONOTONIC: libc::clockid_t = libc::CLOCK_MONOTONIC;

#[cfg(target_os = "linux")]
const TIME_OF_DAY: libc::clockid_t = libc::CLOCK_REALTIME_COARSE;
#[cfg(not(target_os = "linux"))]
const TIME_OF_DAY: libc::clockid_t = libc::CLOCK_REALTIME;

#[inline]
fn read(clock: libc::clockid_t) -> libc::timespec {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid destination for the result.
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    now
}

/// Returns a number that increases about every millisecond, or when the clock advances.
#[inline]
#[allow(clippy::cast_sign_loss)] // only compared for being the same
pub(crate) fn tick() -> u64 {
    let now = read(MONOTONIC);
    // 2^20 nanoseconds are slightly more than a millisecond, and a second has less than 2^10 of these.
    (now.tv_sec as u64) << 10 | now.tv_nsec as u64 >> 20
}

/// Returns the time of day, in microseconds since 1970-01-01.
#[inline]
#[allow(clippy::useless_conversion)] // narrower on some systems
pub(crate) fn micros_of_day() -> i64 {
    let now = read(TIME_OF_DAY);
    i64::from(now.tv_sec).saturating_mul(1_000_000).saturating_add(i64::from(now.tv_nsec) / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    #[test]
    fn the_clock_advances() {
        let begun = tick();
        while tick() == begun {
            std::hint::spin_loop();
        }
        assert!(tick() > begun);
    }

    #[test]
    fn the_time_of_day_is_that_of_the_system() {
        let system = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let coarse = Duration::from_micros(micros_of_day().unsigned_abs());
        assert!(coarse.abs_diff(system) < Duration::from_secs(60), "{coarse:?} {system:?}");
    }
}
