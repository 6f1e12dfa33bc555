//! Where images go, where a file does not say it.

use crate::import::image::Repository;

/// Stands where people write their own.
pub(super) const EXAMPLE_REGISTRY: &str = "123456789012.dkr.ecr.us-east-1.amazonaws.com";

/// Where images go of which a file does not say it: below a repository, or as a template says.
#[derive(Clone, Debug, Default)]
pub struct To(pub Option<String>);

impl To {
    /// The target of a source. Without a template, `word` (`{path}` or `{name}`) is put below what was given.
    pub(super) fn target(&self, word: &str, source: &Repository) -> String {
        let template = match self.0.as_deref() {
            Some(template) if template.contains('{') => template.to_owned(),
            Some(prefix) => format!("{}/{word}", prefix.trim_end_matches('/')),
            None => format!("{EXAMPLE_REGISTRY}/{word}"),
        };
        let host = source.host.replace(':', "-");
        template.replace("{host}", &host).replace("{path}", &source.path).replace("{name}", source.name())
    }
}
