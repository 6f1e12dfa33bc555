//! What holds for whatever the author of a login file writes. See [`crate::oci::fuzzing`].
#![expect(clippy::missing_panics_doc, reason = "to panic is how a property says that it does not hold")]

use crate::login::{DockerConfig, DockerFiles};
use crate::oci::fuzzing::check_message;

/// A login file: what is wrong with it is said without any of its logins.
pub fn docker_config(data: &[u8]) {
    for (host, repository) in [("docker.io", "library/nginx"), ("container-registry.oracle.com", "java/jdk")]
    {
        let (Ok(host), Ok(repository)) = (host.parse(), repository.parse()) else { return };
        let config = DockerConfig::new(host, DockerFiles::default());
        let Err(error) = config.find_in_bytes(data, &repository) else { continue };
        check_message(&error.to_string());
        let message = format!("{error} {error:?}");
        let file = serde_json::from_slice::<serde_json::Value>(data).unwrap_or_default();
        for (key, entry) in file["auths"].as_object().into_iter().flatten() {
            for secret in ["auth", "password", "identitytoken"] {
                // A short one would be found by chance.
                let secret =
                    entry[secret].as_str().filter(|secret| secret.len() > 8 && !key.contains(secret));
                assert!(secret.is_none_or(|secret| !message.contains(secret)), "{message}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::fuzzing::check_seeds;

    #[test]
    fn the_properties_hold_for_the_seeds() {
        check_seeds("docker_config", docker_config);
    }
}
