//! Converts days and microseconds since 1970-01-01 to dates of the proleptic Gregorian calendar, and back.

use std::fmt;

/// Microseconds in a day.
const DAY: i64 = 86_400_000_000;

/// A day, as days since 1970-01-01 in the proleptic Gregorian calendar: the type `date`.
///
/// ```
/// # use persistent_collections_codec as persistent_collections;
/// use persistent_collections::Date;
///
/// let leap_day = Date::from_ymd(2024, 2, 29).expect("2024 is a leap year");
/// assert_eq!(leap_day, Date(19_782));
/// assert_eq!(leap_day.to_string(), "2024-02-29");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(pub i32);

/// A microsecond, as microseconds since 1970-01-01T00:00:00 in the proleptic Gregorian calendar, without a time
/// zone: the type `datetime`.
///
/// ```
/// # use persistent_collections_codec as persistent_collections;
/// use persistent_collections::DateTime;
///
/// assert_eq!(DateTime(1_500_000).to_string(), "1970-01-01T00:00:01.500000");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime(pub i64);

impl Date {
    /// Makes the day of a year, a month (1 to 12) and a day of the month. Returns `None` if there is no such day or it is
    /// out of range.
    #[must_use]
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Self> {
        if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
            return None;
        }
        // Years begin in March here, so that the leap day is the last of its year.
        let shifted = i64::from(year) - i64::from(month <= 2);
        let era = shifted.div_euclid(400);
        let year_of_era = shifted.rem_euclid(400);
        let day_of_year = (153 * i64::from((month + 9) % 12) + 2) / 5 + i64::from(day) - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        i32::try_from(era * 146_097 + day_of_era - 719_468).ok().map(Self)
    }

    /// Returns the year, the month (1 to 12) and the day of the month.
    #[must_use]
    pub fn ymd(self) -> (i32, u32, u32) {
        civil(i64::from(self.0))
    }

    /// Returns the date in the spelling of RFC 8943, or `None` if its year is not one of 0000 to 9999.
    pub(super) fn to_full_date(self) -> Option<String> {
        (0..=9999).contains(&self.ymd().0).then(|| self.to_string())
    }

    /// Reads `2024-02-29`.
    pub(super) fn from_full_date(text: &str) -> Option<Self> {
        let bytes: &[u8; 10] = text.as_bytes().try_into().ok()?;
        if bytes[4] != b'-' || bytes[7] != b'-' {
            return None;
        }
        let year = i32::try_from(digits(&bytes[..4])?).ok()?;
        Self::from_ymd(year, digits(&bytes[5..7])?, digits(&bytes[8..])?)
    }
}

impl DateTime {
    /// Returns the spelling of a local time in CBOR: `2024-02-29T12:34:56`, then `.123456` unless that is zero. Returns
    /// `None` if the year is not one of 0000 to 9999.
    pub(super) fn to_iso(self) -> Option<String> {
        (0..=9999).contains(&civil(self.0.div_euclid(DAY)).0).then(|| self.to_string())
    }

    /// Reads that spelling, with one to six digits of a fraction.
    #[doc(hidden)]
    #[must_use]
    pub fn from_iso(text: &str) -> Option<Self> {
        let (date, time) = text.split_at_checked(10)?;
        let date = Date::from_full_date(date)?;
        let (clock, fraction) = time.as_bytes().split_at_checked(9)?;
        if clock[0] != b'T' || clock[3] != b':' || clock[6] != b':' {
            return None;
        }
        let (hour, minute, second) = (digits(&clock[1..3])?, digits(&clock[4..6])?, digits(&clock[7..9])?);
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let micros = match fraction {
            [] => 0,
            [b'.', rest @ ..] if (1..=6).contains(&rest.len()) => {
                rest.iter().chain(b"00000").take(6).copied().try_fold(0, push_digit)?
            }
            _ => return None,
        };
        let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
        Some(Self(i64::from(date.0) * DAY + seconds * 1_000_000 + i64::from(micros)))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_date(f, self.ymd())
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_date(f, civil(self.0.div_euclid(DAY)))?;
        let micros = self.0.rem_euclid(DAY);
        let seconds = micros / 1_000_000;
        write!(f, "T{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
        match micros % 1_000_000 {
            0 => Ok(()),
            fraction => write!(f, ".{fraction:06}"),
        }
    }
}

fn write_date(f: &mut fmt::Formatter<'_>, (year, month, day): (i32, u32, u32)) -> fmt::Result {
    let sign = if year < 0 { "-" } else { "" };
    write!(f, "{sign}{:04}-{month:02}-{day:02}", year.unsigned_abs())
}

/// Returns the year, month and day of a day since 1970-01-01 that an `i64` of microseconds can reach.
fn civil(days: i64) -> (i32, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let narrow = |number: i64| u32::try_from(number).expect("a month or a day of the month is small");
    (
        i32::try_from(year).expect("a year reached by i32 days or i64 microseconds fits"),
        narrow(month),
        narrow(day),
    )
}

fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

fn digits(text: &[u8]) -> Option<u32> {
    text.iter().copied().try_fold(0, push_digit)
}

fn push_digit(number: u32, digit: u8) -> Option<u32> {
    digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_days() {
        for (text, days) in [
            ("1970-01-01", 0),
            ("1969-12-31", -1),
            ("2000-02-29", 11_016),
            ("2024-02-29", 19_782),
            ("0001-01-01", -719_162),
            ("0000-01-01", -719_528),
            ("9999-12-31", 2_932_896),
        ] {
            assert_eq!(Date::from_full_date(text), Some(Date(days)), "{text}");
            assert_eq!(Date(days).to_full_date().as_deref(), Some(text));
        }
        assert_eq!(Date(-719_529).to_full_date(), None, "no year of four digits");
        assert_eq!(Date(2_932_897).to_full_date(), None, "no year of four digits");
    }

    #[test]
    fn invalid_dates_are_refused() {
        for text in [
            "",
            "2023-02-29",
            "2024-13-01",
            "2024-00-01",
            "2024-01-00",
            "2024-1-01",
            "+024-01-01",
            "1900-02-29",
            "2023-04-31",
            "2023-06-31",
            "2023-09-31",
            "2023-11-31",
            "2023-12-32",
        ] {
            assert_eq!(Date::from_full_date(text), None, "{text}");
        }
    }

    #[test]
    fn the_ends_of_years_and_months_come_back() {
        for year in 1599..2402 {
            let (first, last) = (Date::from_ymd(year, 1, 1).unwrap(), Date::from_ymd(year, 12, 31).unwrap());
            assert_eq!((first.ymd(), last.ymd()), ((year, 1, 1), (year, 12, 31)));
            assert_eq!(Date(last.0 + 1).ymd(), (year + 1, 1, 1));
            for (month, days) in
                [(1, 31), (3, 31), (4, 30), (5, 31), (6, 30), (7, 31), (8, 31), (9, 30), (10, 31), (11, 30)]
            {
                let end = Date::from_ymd(year, month, days).unwrap();
                assert_eq!(Date(end.0 + 1).ymd(), (year, month + 1, 1));
            }
        }
    }

    #[test]
    fn local_times() {
        let noon = Date::from_ymd(2024, 2, 29).unwrap().0;
        let micros = i64::from(noon) * DAY + (12 * 3600 + 34 * 60 + 56) * 1_000_000;
        for (text, fraction) in [
            ("2024-02-29T12:34:56", 0),
            ("2024-02-29T12:34:56.123456", 123_456),
            ("2024-02-29T12:34:56.000001", 1),
        ] {
            assert_eq!(DateTime::from_iso(text), Some(DateTime(micros + fraction)));
            assert_eq!(DateTime(micros + fraction).to_iso().as_deref(), Some(text));
        }
        assert_eq!(DateTime::from_iso("2024-02-29T12:34:56.5"), Some(DateTime(micros + 500_000)));
        assert_eq!(DateTime(-1).to_iso().as_deref(), Some("1969-12-31T23:59:59.999999"));
        for text in [
            "2024-02-29",
            "2024-02-29T12:34",
            "2024-02-29 12:34:56",
            "2024-02-29T12:34:56.",
            "2024-02-29T12:34:56.1234567",
            "2024-02-29T12:34:56Z",
            "2024-02-29T24:00:00",
            "2024-02-29T12:34:60",
            "2024-02-29Té2:34:56",
        ] {
            assert_eq!(DateTime::from_iso(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_day_comes_back(days: i32) {
            let (year, month, day) = Date(days).ymd();
            prop_assert_eq!(Date::from_ymd(year, month, day), Some(Date(days)));
        }

        #[test]
        fn every_time_of_four_digit_years_comes_back(micros in -62_167_219_200_000_000i64..253_402_300_800_000_000) {
            let text = DateTime(micros).to_iso().unwrap();
            prop_assert_eq!(DateTime::from_iso(&text), Some(DateTime(micros)));
        }

        #[test]
        fn any_time_has_a_spelling(micros: i64) {
            prop_assert!(!DateTime(micros).to_string().is_empty());
        }
    }
}
