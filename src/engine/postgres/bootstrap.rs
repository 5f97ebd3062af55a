//! Makes the schema of an environment, and prepares each new connection.

use crate::engine::contract::Durability;
use crate::engine::postgres::Engine;
use crate::engine::postgres::connection::{Connection, Fault, Waiting};
use crate::engine::postgres::rows::Rows;
use crate::engine::postgres::sql::{identifier, literal};
use crate::engine::postgres::statement::{Param, Step};
use crate::engine::postgres::txn::lock_timeout;
use crate::engine::postgres::url::Writers;
use crate::error::{Error, Result, Status};

/// The format of the tables, which `docs/format.md` describes.
pub(super) const FORMAT: i64 = 1;

/// The first version of the server with `pg_xact_status` of 64-bit numbers.
const LEAST_VERSION: i32 = 130_000;

/// How long a new connection may take, in seconds, unless the URL or the environment says otherwise.
const CONNECT_SECONDS: &str = "10";

/// How long the system tries to deliver data to a server that does not confirm it, in milliseconds.
const UNCONFIRMED_MS: &str = "30000";

impl Engine {
    /// Makes a connection and prepares it.
    pub(super) fn connect(&self) -> Result<Connection> {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let mut parameters = vec![
            ("fallback_application_name", "persistent_collections".to_owned()),
            ("tcp_user_timeout", UNCONFIRMED_MS.to_owned()),
            ("keepalives_idle", "30".to_owned()),
        ];
        if !is_set("PGCONNECT_TIMEOUT") {
            parameters.push(("connect_timeout", CONNECT_SECONDS.to_owned()));
        }
        if !self.settings.read_only && !is_set("PGTARGETSESSIONATTRS") {
            parameters.push(("target_session_attrs", "read-write".to_owned()));
        }
        let mut connection = Connection::open(&self.url.conninfo, &parameters)?;
        if connection.server_version() < LEAST_VERSION {
            return Err(Error::new(
                Status::Unsupported,
                format!(
                    "the server has PostgreSQL {}; 13 or later is needed",
                    connection.parameter(c"server_version")
                ),
            ));
        }
        let encoding = connection.parameter(c"server_encoding");
        if encoding != "UTF8" {
            return Err(Error::new(
                Status::Unsupported,
                format!("the database has the encoding {encoding}, and names of collections need UTF8"),
            ));
        }
        connection.run(&[Step::once(&self.session_settings())], &self.waiting()).map_err(Fault::error)?;
        Ok(connection)
    }

    /// Returns the statement that sets what a session needs.
    fn session_settings(&self) -> String {
        let isolation = match self.url.writers {
            Writers::One => "read committed",
            Writers::Many => "serializable",
        };
        let wait = lock_timeout(self.settings.write_timeout);
        let mut set = vec![
            ("client_encoding", "'UTF8'".to_owned()),
            ("client_min_messages", "'warning'".to_owned()),
            ("default_transaction_isolation", literal(isolation)),
            ("lock_timeout", literal(&wait.to_string())),
            ("search_path", "'pg_catalog'".to_owned()),
            ("synchronous_commit", self.synchronous_commit().to_owned()),
            // A statement here has one sensible plan, by the key: planning it again for each set of values costs time.
            ("plan_cache_mode", "'force_generic_plan'".to_owned()),
            ("enable_seqscan", "'off'".to_owned()),
            ("enable_sort", "'off'".to_owned()),
            ("enable_bitmapscan", "'off'".to_owned()),
            ("jit", "'off'".to_owned()),
        ];
        if self.settings.read_only {
            set.push(("default_transaction_read_only", "'on'".to_owned()));
        }
        let calls: Vec<String> =
            set.iter().map(|(name, value)| format!("set_config('{name}', {value}, false)")).collect();
        format!("SELECT {}", calls.join(", "))
    }

    /// Returns the value of `synchronous_commit` as an expression. Full durability keeps what the server has, if that
    /// waits for a standby in its own way.
    fn synchronous_commit(&self) -> &'static str {
        match self.settings.durability {
            Durability::Full => {
                "CASE WHEN current_setting('synchronous_commit') IN ('off', 'local') THEN 'on' \
                 ELSE current_setting('synchronous_commit') END"
            }
            Durability::NoMetaSync | Durability::None => "'off'",
        }
    }

    /// Checks that the environment exists in a format that this library knows, and makes it if `create`.
    pub(super) fn prepare(&self, create: bool) -> Result<()> {
        let mut lease = self.lease(crate::engine::postgres::pool::Use::Call)?;
        let connection = lease.connection()?;
        let meta = format!("{}.meta", identifier(&self.url.schema));
        let exists = "SELECT to_regclass($1) IS NOT NULL";
        let waiting = self.waiting();
        let found =
            connection.run(&[Step::with(exists, &[Param::Text(&meta)])], &waiting).map_err(Fault::error)?;
        let is_there = found.first().is_some_and(|rows| rows.is_true(0, 0));
        if !is_there {
            if !create || self.settings.read_only {
                return Err(Error::new(
                    Status::NoEnvironment,
                    format!(
                        "the database has no environment in the schema {:?}, and this call does not create it",
                        self.url.schema
                    ),
                ));
            }
            self.create(connection, &waiting)?;
        }
        let format = format!("SELECT max(format)::bigint FROM {meta}");
        let rows = connection.run(&[Step::once(&format)], &waiting).map_err(Fault::error)?;
        match rows.first().and_then(|rows: &Rows| rows.int(0, 0)) {
            Some(FORMAT) => Ok(()),
            found => Err(Error::new(
                Status::FormatVersion,
                format!(
                    "the schema {:?} has format {}, but this library knows {FORMAT}: use a newer library",
                    self.url.schema,
                    found.map_or_else(|| "none".to_owned(), |found| found.to_string())
                ),
            )),
        }
    }

    fn create(&self, connection: &mut Connection, waiting: &Waiting) -> Result<()> {
        let statements = self.creation();
        // Each statement sees what others have made before it got the lock.
        let mut steps = vec![Step::once("BEGIN ISOLATION LEVEL READ COMMITTED")];
        steps.extend(statements.iter().map(|sql| Step::once(sql)));
        steps.push(Step::once("COMMIT"));
        let created = connection.run(&steps, waiting);
        if created.is_err() {
            connection.run_unseen(&[Step::once("ROLLBACK")]);
        }
        created.map(drop).map_err(Fault::error)
    }

    /// Returns the statements that make the schema, all in one transaction.
    fn creation(&self) -> Vec<String> {
        let schema = identifier(&self.url.schema);
        let text = literal(&self.url.schema);
        vec![
            // One at a time, and those who come later find everything made.
            self.creation_lock(),
            // `IF NOT EXISTS` would need the right to make schemas even where this one is there.
            format!(
                "DO {}",
                literal(&format!(
                    "BEGIN IF to_regnamespace({}) IS NULL THEN CREATE SCHEMA {schema}; END IF; END",
                    literal(&schema)
                ))
            ),
            format!("CREATE TABLE IF NOT EXISTS {schema}.meta (format integer PRIMARY KEY)"),
            format!(
                "CREATE TABLE IF NOT EXISTS {schema}.catalog (name text COLLATE \"C\" PRIMARY KEY, \
                 id bigint UNIQUE NOT NULL, record bytea NOT NULL)"
            ),
            format!("CREATE TABLE IF NOT EXISTS {schema}.writer ()"),
            format!("CREATE SEQUENCE IF NOT EXISTS {schema}.ids"),
            format!(
                "CREATE OR REPLACE FUNCTION {schema}.len(id bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS {}",
                literal(&format!(
                    "DECLARE n bigint; BEGIN EXECUTE format('SELECT count(*) FROM %I.%I', {text}, 'c' || id) INTO n; \
                     RETURN n; END"
                ))
            ),
            format!(
                "CREATE OR REPLACE FUNCTION {schema}.drop_collection(dropped text) RETURNS bigint LANGUAGE plpgsql AS {}",
                literal(&format!(
                    "DECLARE old bigint; BEGIN \
                     DELETE FROM {schema}.catalog WHERE name = dropped RETURNING id INTO old; \
                     IF old IS NOT NULL THEN EXECUTE format('DROP TABLE %I.%I', {text}, 'c' || old); END IF; \
                     RETURN old; END"
                ))
            ),
            format!("INSERT INTO {schema}.meta VALUES ({FORMAT}) ON CONFLICT DO NOTHING"),
        ]
    }

    /// Returns the statement that lets one connection create at a time, until its transaction ends.
    pub(super) fn creation_lock(&self) -> String {
        format!(
            "SELECT pg_advisory_xact_lock(hashtextextended({}, 0))",
            literal(&format!("pc:{}", self.url.schema))
        )
    }
}
