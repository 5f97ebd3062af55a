//! The engine over PostgreSQL, on servers that the tests start by themselves.
//!
//! - `round_trips`: what each call costs
//! - `transactions`: who waits for whom, and what conflicts
//! - `outcomes`: lost connections, standbys, fail-over
//! - `pool`: connections, threads, forks
//! - `writers`: several writers at once, beside a model
//! - `commits`: waiting for those of others
//! - `moving`: copies from files to a server and back
//! - `limits`: what is refused, and secrets
#![allow(missing_docs, clippy::unwrap_used)]

mod commits;
#[path = "../common/mod.rs"]
mod common;
mod limits;
mod moving;
mod outcomes;
mod pool;
#[path = "../common/proxy.rs"]
mod proxy;
mod round_trips;
mod server;
mod transactions;
mod writers;
