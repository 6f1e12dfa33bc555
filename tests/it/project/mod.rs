//! The repository itself: its structure, its documents, its policies, and how it reads the tags of others.

mod arch;
mod deploy;
mod docs;
mod families;
mod imports;
mod policies;
