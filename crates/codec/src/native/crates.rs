//! Types of other crates as keys and values, with the features of the crates' names. Each is stored as a type of this
//! crate.

#[cfg(feature = "uuid")]
use super::Uuid;
use super::sealed::Element;
use super::{Key, Stored};
#[cfg(any(feature = "chrono", feature = "jiff"))]
use crate::calendar::{Date, DateTime};
use crate::error::{Error, Result, Status};
use crate::fault::{Fault, Parsed};
use crate::tuple::Reader;
use crate::types::Type;

/// A type of another crate that is stored as a type of this one.
trait Foreign: Sized {
    /// The type that it is stored as.
    type Own: Key<Borrowed = Self::Own> + Stored<Borrowed = Self::Own> + Element;

    /// Converts to the stored type. Returns `None` if the value would not come back equal.
    fn to_own(&self) -> Option<Self::Own>;

    /// Converts from the stored type. Returns `None` if the other type cannot hold the value.
    fn from_own(own: Self::Own) -> Option<Self>;

    /// Says why a value cannot be stored, for messages.
    const REFUSED: &'static str;
    const BEYOND: &'static str;
}

fn own<T: Foreign>(foreign: &T, status: Status) -> Result<T::Own> {
    foreign.to_own().ok_or_else(|| Error::new(status, T::REFUSED))
}

fn foreign<T: Foreign>(own: T::Own, status: Status) -> Result<T> {
    T::from_own(own).ok_or_else(|| Error::new(status, T::BEYOND))
}

macro_rules! stored_as_own {
    ($($feature:literal $rust:ty;)*) => {
        $(
            #[cfg(feature = $feature)]
            impl Key for $rust {
                type Borrowed = $rust;

                fn type_of() -> Type {
                    <<Self as Foreign>::Own as Key>::type_of()
                }

                fn encode(key: &$rust, out: &mut Vec<u8>) -> Result<()> {
                    <<Self as Foreign>::Own as Key>::encode(&own(key, Status::BadKey)?, out)
                }

                fn decode(bytes: &[u8]) -> Result<Self> {
                    foreign(<<Self as Foreign>::Own as Key>::decode(bytes)?, Status::BadKey)
                }
            }

            #[cfg(feature = $feature)]
            impl Stored for $rust {
                type Borrowed = $rust;

                fn type_of() -> Type {
                    <<Self as Foreign>::Own as Stored>::type_of()
                }

                fn encode(value: &$rust, out: &mut Vec<u8>) -> Result<()> {
                    <<Self as Foreign>::Own as Stored>::encode(&own(value, Status::BadValue)?, out)
                }

                fn decode(bytes: &[u8]) -> Result<Self> {
                    foreign(<<Self as Foreign>::Own as Stored>::decode(bytes)?, Status::BadValue)
                }
            }

            #[cfg(feature = $feature)]
            impl Element for $rust {
                fn element_type() -> Type {
                    <<Self as Foreign>::Own as Element>::element_type()
                }

                fn put(&self, out: &mut Vec<u8>) -> Result<()> {
                    own(self, Status::BadKey)?.put(out)
                }

                fn take(reader: &mut Reader<'_>) -> Parsed<Self> {
                    let beyond = Fault::new(reader.at(), Self::BEYOND);
                    Self::from_own(<<Self as Foreign>::Own as Element>::take(reader)?).ok_or(beyond)
                }
            }
        )*
    };
}

stored_as_own! {
    "uuid" ::uuid::Uuid;
    "chrono" ::chrono::NaiveDate;
    "chrono" ::chrono::NaiveDateTime;
    "jiff" ::jiff::civil::Date;
    "jiff" ::jiff::civil::DateTime;
}

#[cfg(any(feature = "chrono", feature = "jiff"))]
const WHOLE_MICROSECONDS: &str = "a datetime is a whole number of microseconds from 292,277 years before 1970 to as many after; round it first";
#[cfg(any(feature = "chrono", feature = "jiff"))]
const ANY_DATE: &str = "a date is within 2,147,483,648 days of 1970-01-01";

#[cfg(feature = "uuid")]
impl Foreign for ::uuid::Uuid {
    type Own = Uuid;

    fn to_own(&self) -> Option<Uuid> {
        Some(Uuid(self.into_bytes()))
    }

    fn from_own(uuid: Uuid) -> Option<Self> {
        Some(Self::from_bytes(uuid.0))
    }

    const REFUSED: &'static str = "a UUID has 16 bytes";
    const BEYOND: &'static str = Self::REFUSED;
}

/// The number of days from 0001-01-01 to 1970-01-01.
#[cfg(feature = "chrono")]
const DAYS_TO_1970: i32 = 719_163;

#[cfg(feature = "chrono")]
impl Foreign for ::chrono::NaiveDate {
    type Own = Date;

    fn to_own(&self) -> Option<Date> {
        ::chrono::Datelike::num_days_from_ce(self).checked_sub(DAYS_TO_1970).map(Date)
    }

    fn from_own(date: Date) -> Option<Self> {
        Self::from_num_days_from_ce_opt(date.0.checked_add(DAYS_TO_1970)?)
    }

    const REFUSED: &'static str = ANY_DATE;
    const BEYOND: &'static str = "a date outside the range of chrono::NaiveDate";
}

#[cfg(feature = "chrono")]
impl Foreign for ::chrono::NaiveDateTime {
    type Own = DateTime;

    fn to_own(&self) -> Option<DateTime> {
        // A leap second has more nanoseconds than a second has, and would come back as the beginning of the next second.
        let micros = self.and_utc().timestamp_micros();
        (Self::from_own(DateTime(micros)).as_ref() == Some(self)).then_some(DateTime(micros))
    }

    fn from_own(time: DateTime) -> Option<Self> {
        ::chrono::DateTime::from_timestamp_micros(time.0).map(|time| time.naive_utc())
    }

    const REFUSED: &'static str = WHOLE_MICROSECONDS;
    const BEYOND: &'static str = "a time outside the range of chrono::NaiveDateTime";
}

#[cfg(feature = "jiff")]
impl Foreign for ::jiff::civil::Date {
    type Own = Date;

    fn to_own(&self) -> Option<Date> {
        Date::from_ymd(i32::from(self.year()), self.month().try_into().ok()?, self.day().try_into().ok()?)
    }

    fn from_own(date: Date) -> Option<Self> {
        let (year, month, day) = date.ymd();
        Self::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()
    }

    const REFUSED: &'static str = ANY_DATE;
    const BEYOND: &'static str = "a date outside the range of jiff::civil::Date";
}

#[cfg(feature = "jiff")]
impl Foreign for ::jiff::civil::DateTime {
    type Own = DateTime;

    fn to_own(&self) -> Option<DateTime> {
        let nanos = self.time().duration_since(::jiff::civil::Time::midnight()).as_nanos();
        if nanos % 1000 != 0 {
            return None;
        }
        let days = i64::from(self.date().to_own()?.0);
        days.checked_mul(MICROS_IN_A_DAY)?.checked_add(i64::try_from(nanos / 1000).ok()?).map(DateTime)
    }

    fn from_own(time: DateTime) -> Option<Self> {
        let days = i32::try_from(time.0.div_euclid(MICROS_IN_A_DAY)).ok()?;
        let date = ::jiff::civil::Date::from_own(Date(days))?;
        let micros = time.0.rem_euclid(MICROS_IN_A_DAY);
        let midnight = date.to_datetime(::jiff::civil::Time::midnight());
        midnight.checked_add(::jiff::SignedDuration::from_micros(micros)).ok()
    }

    const REFUSED: &'static str = WHOLE_MICROSECONDS;
    const BEYOND: &'static str = "a time outside the range of jiff::civil::DateTime";
}

#[cfg(feature = "jiff")]
const MICROS_IN_A_DAY: i64 = 86_400_000_000;
