//! What strangers' registries, files and environments hold that other tools fell over. A row says what it is, where it was
//! seen, the bytes, and what must come out of them here.

mod credentials;
mod docker_files;
mod intent;
mod proxies;
