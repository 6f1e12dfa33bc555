//! What strangers may not do to us, rule by rule.
//!
//! Proven elsewhere: a registry over TLS is never left for plain http (`registry/origin.rs`), names that resolve to
//! the inside (`registry/transport/resolve.rs`), what comes back of what was sent (`quirks/echoes.rs`), where logins may
//! go (`quirks/realms.rs`), uploads elsewhere (`plain.rs`), presigned addresses and moved registries
//! without a login (`source.rs`, `login.rs`), tag lists in circles or without end and confused documents
//! (`source.rs`, `oci/manifest.rs`), wrong digests and sizes (`retry.rs`, `graphs.rs`), foreign layers
//! (`graphs.rs`), YAML bombs and deep nesting (`config/tests`), challenges that cannot be answered (`login.rs`).

mod control;
mod cores;
mod crowd;
mod disk;
mod documents;
mod origin;
mod oversize;
mod secrets;
mod way_out;
