//! Reads URLs: takes the library's own parameters out, and leaves the rest to libpq.
//!
//! `postgresql://[user[:password]@][host][:port][,…][/database][?parameter=value&…]`, as libpq reads it.

use std::ffi::CString;
use std::time::Duration;

use crate::error::{Error, Result, Status};

/// Where and how to connect.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Url {
    /// The URL without the library's own parameters. It may contain a password.
    pub conninfo: CString,
    /// The URL without passwords, for people.
    pub shown: String,
    /// The schema that holds the environment.
    pub schema: String,
    /// The number of connections of this process.
    pub pool: usize,
    pub writers: Writers,
    /// False if statements are not prepared, for poolers that give each transaction another connection.
    pub prepares: bool,
    /// True if each commit notifies those who wait for one.
    pub notifies: bool,
    /// How long to wait for an answer of the server.
    pub patience: Option<Duration>,
}

/// How write transactions keep out of each other's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writers {
    /// One at a time, as with files: a transaction never conflicts.
    One,
    /// Any number: a transaction may conflict with another, and is then repeated.
    Many,
}

impl Url {
    pub(crate) fn parse(text: &str) -> Result<Url> {
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        let mut url = Url {
            conninfo: CString::default(),
            shown: String::new(),
            schema: "pc".to_owned(),
            pool: 8,
            writers: Writers::One,
            prepares: true,
            notifies: false,
            patience: Some(Duration::from_secs(60)),
        };
        let (mut rest, mut shown) = (Vec::new(), Vec::new());
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if url.set(name, &decoded(value)?)? {
                shown.push(parameter);
            } else {
                rest.push(parameter);
                if !decoded(name)?.to_ascii_lowercase().contains("password") {
                    shown.push(parameter);
                }
            }
        }
        url.shown = joined(&without_password(base), &shown);
        url.conninfo =
            CString::new(joined(base, &rest)).map_err(|_| invalid("a URL contains no NUL character"))?;
        Ok(url)
    }

    /// Sets one of the library's own parameters. Returns false if it is another one.
    fn set(&mut self, name: &str, value: &str) -> Result<bool> {
        match name {
            "schema" => self.schema = schema(value)?,
            "pool" => self.pool = pool(value)?,
            "writers" => {
                self.writers = match value {
                    "one" => Writers::One,
                    "many" => Writers::Many,
                    _ => return Err(invalid("writers in the URL is one or many")),
                }
            }
            "prepare" => self.prepares = flag(name, value)?,
            "notify" => self.notifies = flag(name, value)?,
            "answer_timeout" => self.patience = patience(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn joined(base: &str, parameters: &[&str]) -> String {
    if parameters.is_empty() { base.to_owned() } else { format!("{base}?{}", parameters.join("&")) }
}

/// Returns the part of a URL before its parameters, without the password.
fn without_password(base: &str) -> String {
    let Some((scheme, rest)) = base.split_once("://") else { return String::new() };
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    // A password may contain an `@` that was not encoded; no host does.
    match authority.rsplit_once('@') {
        Some((user, hosts)) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{hosts}{path}")
        }
        // A password with an unencoded slash ends the authority early.
        None if rest.contains('@') => format!("{scheme}://…{}", &rest[rest.rfind('@').unwrap_or(0)..]),
        None => base.to_owned(),
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(Status::InvalidArgument, message)
}

fn schema(value: &str) -> Result<String> {
    // PostgreSQL cuts longer identifiers off.
    const LONGEST: usize = 63;
    if value.is_empty() || value.len() > LONGEST || value.contains('\0') || value.starts_with("pg_") {
        return Err(invalid(format!(
            "schema in the URL is a name of 1 to {LONGEST} bytes that does not begin with pg_"
        )));
    }
    Ok(value.to_owned())
}

fn pool(value: &str) -> Result<usize> {
    const MOST: usize = 10_000;
    match value.parse() {
        Ok(size @ 1..=MOST) => Ok(size),
        _ => Err(invalid(format!("pool in the URL is a number of connections from 1 to {MOST}"))),
    }
}

fn flag(name: &str, value: &str) -> Result<bool> {
    match value {
        "1" | "yes" | "true" | "on" => Ok(true),
        "0" | "no" | "false" | "off" => Ok(false),
        _ => Err(invalid(format!("{name} in the URL is yes or no"))),
    }
}

fn patience(value: &str) -> Result<Option<Duration>> {
    match value.parse::<u64>() {
        Ok(0) => Ok(None),
        Ok(seconds) => Ok(Some(Duration::from_secs(seconds))),
        Err(_) => Err(invalid("answer_timeout in the URL is a number of seconds; 0: no limit")),
    }
}

/// Decodes percent-encoded bytes.
fn decoded(value: &str) -> Result<String> {
    let bad = || invalid("the URL has a % that is not followed by two hexadecimal digits");
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16)).ok_or_else(bad);
        let code = digit()? * 16 + digit()?;
        bytes.push(u8::try_from(code).map_err(|_| bad())?);
    }
    String::from_utf8(bytes).map_err(|_| invalid("the URL is not UTF-8 after decoding"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_librarys_own_parameters_do_not_reach_libpq() {
        let url = Url::parse(
            "postgresql://ada@db1,db2:5433/app?schema=my%20data&sslmode=require&pool=2&writers=many&prepare=no",
        )
        .unwrap();
        assert_eq!(url.conninfo.to_str().unwrap(), "postgresql://ada@db1,db2:5433/app?sslmode=require");
        assert_eq!((url.schema.as_str(), url.pool), ("my data", 2));
        assert_eq!((url.writers, url.prepares, url.notifies), (Writers::Many, false, false));
    }

    #[test]
    fn a_url_for_people_has_no_password() {
        for (given, shown) in [
            ("postgresql://ada:secret@db/app", "postgresql://ada@db/app"),
            ("postgresql://ada:sec@ret@db/app", "postgresql://ada@db/app"),
            ("postgresql://:secret@/app", "postgresql://@/app"),
            ("postgresql:///app?password=secret&pool=2", "postgresql:///app?pool=2"),
            ("postgresql:///app?sslpassword=secret", "postgresql:///app"),
            ("postgresql:///app?p%61ssword=secret", "postgresql:///app"),
            ("postgresql://db/app?user=ada", "postgresql://db/app?user=ada"),
        ] {
            assert_eq!(Url::parse(given).unwrap().shown, shown);
        }
        let odd = Url::parse("postgresql://ada:sec/ret@db/app").unwrap().shown;
        assert!(!odd.contains("sec") && !odd.contains("ret"), "{odd}");
    }

    #[test]
    fn bad_parameters_are_refused_by_name() {
        for (parameter, word) in [
            ("pool=0", "pool"),
            ("pool=many", "pool"),
            ("writers=2", "writers"),
            ("prepare=maybe", "prepare"),
            ("schema=", "schema"),
            ("schema=pg_catalog", "schema"),
            ("answer_timeout=soon", "answer_timeout"),
            ("schema=%zz", "%"),
        ] {
            let error =
                Url::parse(&format!("postgresql:///app?{parameter}")).map(|url| url.shown).unwrap_err();
            assert_eq!(error.status(), Status::InvalidArgument);
            assert!(error.message().contains(word), "{error}");
        }
    }
}
