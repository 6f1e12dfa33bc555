//! What only Amazon ECR does: its host names, its token, its repositories, its batch questions.

mod host;
mod settings;

pub use host::EcrHost;
pub use settings::{Encryption, RepositorySettings, TagMutability};
