//! Turns what the server reports into statuses. `docs/scale.md` has the same table.

use crate::error::{Error, Status};

/// An error of the server: a statement was refused, and everything since the last synchronization point is undone.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// The SQLSTATE, five characters.
    pub state: String,
    /// The server's words.
    pub message: String,
}

pub(super) const SERIALIZATION_FAILURE: &str = "40001";
pub(super) const DEADLOCK: &str = "40P01";
pub(super) const LOCK_NOT_AVAILABLE: &str = "55P03";
pub(super) const CANCELED: &str = "57014";
pub(super) const UNDEFINED_TABLE: &str = "42P01";
pub(super) const UNDEFINED_SCHEMA: &str = "3F000";
pub(super) const UNKNOWN_STATEMENT: &str = "26000";
pub(super) const READ_ONLY_TRANSACTION: &str = "25006";

impl Refusal {
    pub(super) fn is(&self, state: &str) -> bool {
        self.state == state
    }

    /// Returns true if the same statement may succeed when it runs again.
    pub(super) fn is_conflict(&self) -> bool {
        self.is(SERIALIZATION_FAILURE) || self.is(DEADLOCK)
    }

    fn status(&self) -> Status {
        match self.state.as_str() {
            "40001" | "40P01" => Status::Conflict,
            "55P03" => Status::Busy,
            "25006" => Status::ReadOnly,
            "3D000" => Status::NoEnvironment,
            "42501" | "28000" | "28P01" => Status::Permission,
            "53100" => Status::DiskFull,
            "54000" | "54001" => Status::ValueSize,
            "XX001" | "XX002" => Status::Corrupted,
            "0A000" => Status::Unsupported,
            "25P03" | "25P04" => Status::TxnFailed,
            state if state.starts_with("08") || state.starts_with("53") || state.starts_with("57") => {
                Status::Unavailable
            }
            _ => Status::Io,
        }
    }

    /// Returns the error for the caller.
    pub(super) fn error(&self) -> Error {
        let advice = match self.status() {
            Status::Conflict => "; run the transaction again",
            Status::Busy => ": the write lock was not free in time",
            Status::Permission => "; grant the rights that docs/scale.md lists",
            _ => "",
        };
        Error::new(self.status(), format!("PostgreSQL: {} (SQLSTATE {}){advice}", self.message, self.state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_of_errors_has_its_status() {
        for (state, status) in [
            ("40001", Status::Conflict),
            ("55P03", Status::Busy),
            ("57P01", Status::Unavailable),
            ("53300", Status::Unavailable),
            ("53100", Status::DiskFull),
            ("42501", Status::Permission),
            ("XX001", Status::Corrupted),
            ("22000", Status::Io),
        ] {
            let refusal = Refusal { state: state.to_owned(), message: "words".to_owned() };
            let error = refusal.error();
            assert_eq!(error.status(), status);
            assert!(error.message().contains(state) && error.message().contains("words"));
        }
    }
}
