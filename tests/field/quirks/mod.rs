//! What strangers' registries, files and environments hold that other tools fell over. A row says what it is, where it was
//! seen, the bytes, and what must come out of them here.
//!
//! A kind of quirk is a file: a type of row, the rows, and the test that reads them. A new sample of a known kind is one
//! row more.

mod catalogues;
mod challenges;
mod content;
mod credentials;
mod docker_files;
mod drips;
mod echoes;
mod entrances;
mod heads;
mod hidden;
mod intent;
mod lists;
mod mistakes;
mod nulls;
mod platforms;
mod proxies;
mod pulls;
mod quotas;
mod realms;
mod referrers;
mod rows;
mod sources;
mod targets;
mod tls;
mod tokens;
mod told;
mod transfers;
mod types;
mod unasked;
mod uploads;

use rows::{Ends, Row, answer, check, one, rewritten, row};
