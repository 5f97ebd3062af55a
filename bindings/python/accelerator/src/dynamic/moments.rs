//! Texts of times and moments, as RFC 3339 has them.

use persistent_collections_codec::Date;

/// Two digits, and what follows them.
fn two(text: &[u8]) -> Option<(u8, &[u8])> {
    let (&[tens, ones], rest) = text.split_first_chunk::<2>()?;
    let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
    digits.then(|| ((tens - b'0') * 10 + ones - b'0', rest))
}

pub(super) type Clock = (u8, u8, u8, u32);

/// Hours, minutes, seconds and microseconds, and what follows them; times that Python can hold.
pub(super) fn clock(text: &[u8]) -> Option<(Clock, &[u8])> {
    let (hour, rest) = two(text)?;
    let (minute, rest) = two(rest.strip_prefix(b":")?)?;
    let (second, mut rest) = two(rest.strip_prefix(b":")?)?;
    let mut micros = 0;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !(1..=6).contains(&digits) {
            return None;
        }
        for place in 0..6 {
            micros = micros * 10 + fraction[..digits].get(place).map_or(0, |digit| u32::from(digit - b'0'));
        }
        rest = &fraction[digits..];
    }
    (hour < 24 && minute < 60 && second < 60).then_some(((hour, minute, second, micros), rest))
}

/// The date, the time, and the offset in minutes.
pub(super) fn parse_instant(text: &[u8]) -> Option<((i32, u8, u8), Clock, i32)> {
    let (century, rest) = two(text)?;
    let (year, rest) = two(rest)?;
    let (month, rest) = two(rest.strip_prefix(b"-")?)?;
    let (day, rest) = two(rest.strip_prefix(b"-")?)?;
    let (clock, rest) = clock(rest.strip_prefix(b"T")?)?;
    let year = i32::from(century) * 100 + i32::from(year);
    if year < 1 {
        return None;
    }
    Date::from_ymd(year, month.into(), day.into())?;
    let offset = match rest {
        b"Z" => 0,
        [sign @ (b'+' | b'-'), rest @ ..] => {
            let (hours, rest) = two(rest)?;
            let (minutes, rest) = two(rest.strip_prefix(b":")?)?;
            let offset = i32::from(hours) * 60 + i32::from(minutes);
            if !rest.is_empty() || hours > 23 || minutes > 59 {
                return None;
            }
            if *sign == b'-' { -offset } else { offset }
        }
        _ => return None,
    };
    Some(((year, month, day), clock, offset))
}
