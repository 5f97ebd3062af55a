//! Leaving a call in which a space was looked up that is not open: it cannot be opened inside.

use std::sync::Arc;

use crate::engine::lmdb::txn::spaces::Space;
use crate::error::Error;
use crate::memory::NoMemory;

/// Why a look ended without a result.
#[derive(Debug)]
pub(crate) enum Leave {
    Failed(Error),
    /// This space must be opened first, outside of the call.
    Open(Arc<Space>),
}

impl From<Error> for Leave {
    #[cold]
    fn from(error: Error) -> Leave {
        Leave::Failed(error)
    }
}

impl From<NoMemory> for Leave {
    #[cold]
    fn from(none: NoMemory) -> Leave {
        Leave::Failed(none.into())
    }
}
