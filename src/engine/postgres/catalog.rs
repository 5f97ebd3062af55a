//! Looks names of collections up, creates, lists and drops them.

use crate::engine::postgres::Engine;
use crate::engine::postgres::call::{Access, one};
use crate::engine::postgres::connection::{Connection, Fault, Waiting};
use crate::engine::postgres::rows::Rows;
use crate::engine::postgres::sql::{identifier, table};
use crate::engine::postgres::statement::{Param, Step};
use crate::engine::postgres::status::{Refusal, UNDEFINED_TABLE};
use crate::engine::schema::{CatalogRecord, CollectionInfo, Schema, decode, encode_live, gone};
use crate::error::{Error, Result, Status};
use crate::memory::TryGrow;

/// A collection in the catalog.
pub(super) struct Found {
    pub id: u64,
    pub schema: Schema,
    /// An estimate of the size of a record, or 0.
    pub mean: u64,
}

/// The statements of an environment's catalog.
pub(super) struct CatalogSql {
    pub look: String,
    pub list: String,
    pub drop: String,
    pub insert: String,
    pub next: String,
}

impl CatalogSql {
    pub(super) fn new(schema: &str) -> CatalogSql {
        let pc = identifier(schema);
        let text = crate::engine::postgres::sql::literal(schema);
        CatalogSql {
            // Where the table is small, or was analysed, its size tells how many records a page can have.
            look: format!(
                "SELECT id, record, (SELECT CASE WHEN reltuples > 0 \
                 THEN pg_table_size(class.oid) / reltuples::bigint + 1 \
                 WHEN pg_table_size(class.oid) <= 1048576 THEN 64 ELSE 0 END \
                 FROM pg_class class JOIN pg_namespace space ON space.oid = class.relnamespace \
                 WHERE space.nspname = {text} AND class.relname = 'c' || id)::bigint \
                 FROM {pc}.catalog WHERE name = $1"
            ),
            list: format!("SELECT name, record, {pc}.len(id) FROM {pc}.catalog ORDER BY name"),
            drop: format!(
                "WITH {} SELECT {pc}.drop_collection($1)",
                crate::engine::postgres::sql::gate(schema)
            ),
            insert: format!("INSERT INTO {pc}.catalog VALUES ($1, $2, $3)"),
            next: format!("SELECT nextval('{}.ids')", pc.replace('\'', "''")),
        }
    }
}

impl Engine {
    pub(super) fn catalog_sql(&self) -> CatalogSql {
        CatalogSql::new(&self.url.schema)
    }

    /// Looks a name up, outside of transactions.
    pub(super) fn look_up(&self, name: &str) -> Result<Option<Found>> {
        let sql = self.catalog_sql().look;
        let rows = self
            .call(Access::Read, None, |connection, waiting| {
                let params = [Param::Text(name)];
                one(self.run_alone(connection, Access::Read, &[Step::with(&sql, &params)], waiting)?)
            })
            .map_err(Fault::error)?;
        found(name, &rows)
    }

    /// Creates a collection unless another one has the name by now, which is returned then.
    pub(super) fn create_collection(&self, name: &str, schema: &Schema) -> Result<Found> {
        self.call(Access::Write, None, |connection, waiting| {
            let created = self.create_in(
                connection,
                waiting,
                name,
                schema,
                Some("BEGIN ISOLATION LEVEL READ COMMITTED"),
            );
            if created.is_err() {
                connection.run_unseen(&[Step::once("ROLLBACK")]);
            }
            created
        })
        .map_err(Fault::error)
    }

    /// Creates a collection in two round trips: the first one begins the transaction, if `begin` is given, and gets a
    /// number; the second one commits it then.
    pub(super) fn create_in(
        &self,
        connection: &mut Connection,
        waiting: &Waiting,
        name: &str,
        schema: &Schema,
        begin: Option<&str>,
    ) -> Result<Found, Fault> {
        let sql = self.catalog_sql();
        let gate = format!("SELECT FROM {}.writer FOR KEY SHARE", identifier(&self.url.schema));
        let alone = self.creation_lock();
        if let Some(begin) = begin {
            connection.send(&[Step::once(begin), Step::once(&gate)])?;
        }
        let named = [Param::Text(name)];
        let look = Step::with(&sql.look, &named);
        connection.send(&[Step::once(&alone), look, Step::once(&sql.next)])?;
        let mut rows = connection.finish(waiting)?;
        let (next, looked) = (rows.pop(), rows.pop());
        let there = looked.as_ref().map(|rows| found(name, rows)).transpose()?.flatten();
        if let Some(found) = there {
            if begin.is_some() {
                connection.run_unseen(&[Step::once("COMMIT")]);
            }
            return Ok(found);
        }
        let id = next.and_then(|rows| rows.int(0, 0)).and_then(|id| u64::try_from(id).ok());
        let id =
            id.ok_or_else(|| Error::new(Status::Corrupted, "the sequence of collections gave no number"))?;
        let record = encode_live(id, schema)?;
        let table = table(&self.url.schema, id);
        let create = format!("CREATE TABLE {table} (key bytea PRIMARY KEY, value bytea NOT NULL)");
        // Keys are short, and an index cannot compress them anyway.
        let plain = format!("ALTER TABLE {table} ALTER COLUMN key SET STORAGE PLAIN");
        let number = i64::try_from(id).unwrap_or(i64::MAX).to_be_bytes();
        let params = [Param::Text(name), Param::Int(&number), Param::Bytes(&record)];
        connection.send(&[Step::once(&create), Step::once(&plain), Step::with(&sql.insert, &params)])?;
        if begin.is_some() {
            connection.send(&[Step::once("COMMIT")])?;
        }
        connection.finish(waiting)?;
        Ok(Found { id, schema: schema.try_clone()?, mean: 64 })
    }
}

/// Reads the answer to a look-up.
pub(super) fn found(name: &str, rows: &Rows) -> Result<Option<Found>> {
    let (Some(id), Some(record)) = (rows.int(0, 0), rows.get(0, 1)) else { return Ok(None) };
    let id = u64::try_from(id).map_err(|_| {
        Error::new(Status::Corrupted, format!("the catalog has a negative number for {name:?}"))
    })?;
    let mean = rows.int(0, 2).and_then(|mean| u64::try_from(mean).ok()).unwrap_or(0);
    match decode(name, record)? {
        CatalogRecord::Live(schema) => Ok(Some(Found { id, schema, mean })),
        CatalogRecord::Dropped => Err(gone(name)),
    }
}

/// Reads the answer to a listing.
pub(super) fn listed(rows: &Rows) -> Result<Vec<CollectionInfo>> {
    let mut all = Vec::new();
    for row in 0..rows.len() {
        let (Some(name), Some(record)) = (rows.text(row, 0), rows.get(row, 1)) else { continue };
        let schema = match decode(name, record) {
            Ok(CatalogRecord::Live(schema)) => Some(schema),
            Ok(CatalogRecord::Dropped) => continue,
            // What this version cannot read is refused when it is opened; the others are still listed.
            Err(error) if matches!(error.status(), Status::Requires | Status::Corrupted) => None,
            Err(error) => return Err(error),
        };
        let len = rows.int(row, 2).and_then(|len| u64::try_from(len).ok()).unwrap_or(0);
        all.try_push(CollectionInfo { name: name.to_owned(), schema, len })?;
    }
    Ok(all)
}

/// Returns true if a listing met a table that was dropped at the same time.
pub(super) fn met_a_drop(refusal: &Refusal) -> bool {
    refusal.is(UNDEFINED_TABLE)
}
