//! Writes the statements on a collection's table.

use std::ops::Bound;

use crate::codec::Type;

/// A statement on a collection. The variants of scans and removals contain which bounds there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Verb {
    /// `$1` key → value.
    Get,
    /// `$1` keys → key, value.
    GetMany,
    /// → count.
    Count,
    /// `$1` limit, then the bounds → key, value.
    Scan(Ends, bool),
    /// `$1` key, `$2` value.
    Put,
    /// `$1` key, `$2` value; affects no row if the key exists.
    PutNew,
    /// `$1` key.
    Remove,
    /// `$1` key, `$2` greatest size → the removed value, the size of the value before.
    Take,
    /// `$1` key, `$2` expected, `$3` desired → number of exchanges, the value before.
    Exchange,
    /// `$1` key, `$2` expected → number of removals, the value before.
    ExchangeRemove,
    /// `$1` key, `$2` desired → number of insertions, the value before.
    ExchangeNew,
    /// `$1` key, `$2` increment → the new value; no row if it leaves the type's range.
    Add,
    /// `$1` keys, `$2` values → number of new keys.
    PutMany,
    /// `$1` keys; affects the new ones.
    AddMany,
    /// `$1` keys; affects those that existed.
    RemoveMany,
    /// The bounds.
    RemoveRange(Ends),
}

/// The bounds of a range: none, included or excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ends {
    lower: Option<bool>,
    upper: Option<bool>,
}

impl Ends {
    pub(super) fn of(lower: Bound<&[u8]>, upper: Bound<&[u8]>) -> Ends {
        let end = |bound: Bound<&[u8]>| match bound {
            Bound::Unbounded => None,
            Bound::Included(_) => Some(true),
            Bound::Excluded(_) => Some(false),
        };
        Ends { lower: end(lower), upper: end(upper) }
    }

    /// Returns the condition, whose parameters are numbered from `first` on.
    fn condition(self, first: usize) -> String {
        let mut parts = Vec::new();
        let mut next = first;
        for (end, included, excluded) in [(self.lower, ">=", ">"), (self.upper, "<=", "<")] {
            if let Some(is_included) = end {
                parts.push(format!("key {} ${next}", if is_included { included } else { excluded }));
                next += 1;
            }
        }
        if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(" AND ")) }
    }
}

/// Quotes an identifier.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Quotes a text.
pub(super) fn literal(text: &str) -> String {
    // Without the prefix, a backslash would depend on a setting of the session.
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// Returns the qualified name of a collection's table.
pub(super) fn table(schema: &str, id: u64) -> String {
    format!("{}.c{id}", identifier(schema))
}

/// Returns the beginning of a statement that waits for a write transaction which has the write lock. The lock on the
/// table is taken for the names in a statement, whether they are read or not.
pub(super) fn gate(schema: &str) -> String {
    format!("gate AS (SELECT FROM {}.writer FOR KEY SHARE)", identifier(schema))
}

/// Returns the text of a statement. `gate` is empty if write transactions do not exclude each other.
pub(super) fn text(verb: Verb, table: &str, gate: &str, value: &Type) -> String {
    let with = |own: &str| match (gate.is_empty(), own.is_empty()) {
        (true, true) => String::new(),
        (true, false) => format!("WITH {own} "),
        (false, true) => format!("WITH {gate} "),
        (false, false) => format!("WITH {gate}, {own} "),
    };
    let gated = with("");
    match verb {
        Verb::Get => format!("SELECT value FROM {table} WHERE key = $1"),
        Verb::GetMany => format!("SELECT key, value FROM {table} WHERE key = ANY($1)"),
        Verb::Count => format!("SELECT count(*) FROM {table}"),
        Verb::Scan(ends, reverse) => format!(
            "SELECT key, value FROM {table}{} ORDER BY key{} LIMIT $1",
            ends.condition(2),
            if reverse { " DESC" } else { "" }
        ),
        Verb::Put => format!(
            "{gated}INSERT INTO {table} VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        ),
        Verb::PutNew => format!("{gated}INSERT INTO {table} VALUES ($1, $2) ON CONFLICT (key) DO NOTHING"),
        Verb::Remove => format!("{gated}DELETE FROM {table} WHERE key = $1"),
        Verb::Take => format!(
            "{}SELECT (SELECT value FROM taken), (SELECT octet_length(value)::bigint FROM {table} WHERE key = $1)",
            with(&format!(
                "taken AS (DELETE FROM {table} WHERE key = $1 AND octet_length(value) <= $2 RETURNING value)"
            ))
        ),
        Verb::Exchange => exchange(
            table,
            &with(&format!(
                "done AS (UPDATE {table} SET value = $3 WHERE key = $1 AND value = $2 RETURNING 1)"
            )),
        ),
        Verb::ExchangeRemove => exchange(
            table,
            &with(&format!("done AS (DELETE FROM {table} WHERE key = $1 AND value = $2 RETURNING 1)")),
        ),
        Verb::ExchangeNew => exchange(
            table,
            &with(&format!(
                "done AS (INSERT INTO {table} VALUES ($1, $2) ON CONFLICT (key) DO NOTHING RETURNING 1)"
            )),
        ),
        Verb::Add => add(table, &gated, value),
        Verb::PutMany => format!(
            "{}SELECT count(*) FILTER (WHERE is_new) FROM done",
            with(&format!(
                "done AS (INSERT INTO {table} SELECT * FROM unnest($1, $2) ON CONFLICT (key) \
                 DO UPDATE SET value = excluded.value RETURNING xmax = 0 AS is_new)"
            ))
        ),
        Verb::AddMany => format!(
            "{gated}INSERT INTO {table} SELECT key, ''::bytea FROM unnest($1) AS key ON CONFLICT (key) DO NOTHING"
        ),
        Verb::RemoveMany => format!("{gated}DELETE FROM {table} WHERE key = ANY($1)"),
        Verb::RemoveRange(ends) => format!("{gated}DELETE FROM {table}{}", ends.condition(1)),
    }
}

fn exchange(table: &str, with: &str) -> String {
    format!("{with}SELECT (SELECT count(*) FROM done), (SELECT value FROM {table} WHERE key = $1)")
}

/// Returns true if [`Verb::Add`] exists for a type, and the number for an absent key is in the type's range.
pub(super) fn adds(value: &Type, by: i64) -> bool {
    sums(value).is_some_and(|(least, greatest)| (least..=greatest).contains(&by))
}

/// Returns the range of sums: that of the type, as far as a call can return it.
fn sums(value: &Type) -> Option<(i64, i64)> {
    let (least, greatest) = value.integer_range()?;
    Some((i64::try_from(least).ok()?, i64::try_from(greatest).unwrap_or(i64::MAX)))
}

/// Writes the addition to an integer stored in little endian. A sum that leaves the range updates nothing: an error would
/// end the transaction.
fn add(table: &str, gated: &str, value: &Type) -> String {
    let (width, is_signed) = value.integer().unwrap_or((8, true));
    let (least, greatest) = sums(value).unwrap_or((i64::MIN, i64::MAX));
    // Only the greatest byte can make a bigint negative.
    let byte = |at: usize| format!("(get_byte(stored.value, {at})::bigint << {})", 8 * at);
    let bits = (0..width).map(byte).collect::<Vec<_>>().join(" | ");
    let shift = 64 - 8 * width;
    let number = match (is_signed, width) {
        (true, 8) => format!("({bits})::numeric"),
        (true, _) => format!("((({bits}) << {shift}) >> {shift})::numeric"),
        (false, 8) => format!(
            "(({bits})::numeric + CASE WHEN get_byte(stored.value, 7) < 128 THEN 0 ELSE 18446744073709551616 END)"
        ),
        (false, _) => format!("({bits})::numeric"),
    };
    let encoded = |sum: &str| {
        (0..width).fold(format!("'\\x{}'::bytea", "00".repeat(width)), |bytes, at| {
            format!("set_byte({bytes}, {at}, (({sum} >> {}) & 255)::int)", 8 * at)
        })
    };
    let sum = format!("({number} + $2::bigint)");
    format!(
        "{gated}INSERT INTO {table} AS stored VALUES ($1, {}) ON CONFLICT (key) DO UPDATE SET value = {} \
         WHERE octet_length(stored.value) = {width} AND {sum} BETWEEN {least} AND {greatest} RETURNING value",
        encoded("$2::bigint"),
        encoded(&format!("{sum}::bigint"))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_are_quoted() {
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("it's a \\"), "E'it''s a \\\\'");
        assert_eq!(table("my data", 17), "\"my data\".c17");
    }

    #[test]
    fn a_scan_has_only_the_bounds_that_there_are() {
        let scan =
            |lower, upper, reverse| text(Verb::Scan(Ends::of(lower, upper), reverse), "t", "", &Type::Any);
        assert_eq!(
            scan(Bound::Unbounded, Bound::Unbounded, false),
            "SELECT key, value FROM t ORDER BY key LIMIT $1"
        );
        assert_eq!(
            scan(Bound::Excluded(b"a"), Bound::Included(b"b"), true),
            "SELECT key, value FROM t WHERE key > $2 AND key <= $3 ORDER BY key DESC LIMIT $1"
        );
    }

    #[test]
    fn additions_know_the_range_of_their_type() {
        assert!(adds(&Type::I8, -128) && !adds(&Type::I8, 128));
        assert!(adds(&Type::U64, i64::MAX) && !adds(&Type::U64, -1));
        assert!(!adds(&Type::Any, 1));
    }
}
