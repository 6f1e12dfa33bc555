//! What strangers' registries, files and environments hold that other tools fell over. A row says what it is, where it was
//! seen, the bytes, and what must come out of them here.
//!
//! A kind of quirk is a file: a type of row, the rows, and the test that reads them. A new sample of a known kind is one
//! row more.

mod content;
mod credentials;
mod docker_files;
mod intent;
mod platforms;
mod proxies;
mod referrers;
