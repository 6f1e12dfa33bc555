//! What to do where a registry denies access and does not say why.

use crate::oci::{Host, Repository};

/// The host of Oracle Container Registry.
const ORACLE: &str = "container-registry.oracle.com";

/// The advice for a denied repository. `has_login` says whether we came with a login.
pub(super) fn hint(host: &Host, repository: &Repository, has_login: bool) -> Option<String> {
    if host.as_str() == ORACLE || is_oracle_sibling(host.as_str()) {
        return Some(oracle(repository, has_login));
    }
    (!has_login).then(|| {
        format!("no credentials are configured for {host}: set `registries` → `{host}` → `credentials`, or log in with `docker login {host}`")
    })
}

/// `container-registry-phx.oracle.com` and its like.
fn is_oracle_sibling(host: &str) -> bool {
    host.strip_prefix("container-registry-").and_then(|rest| rest.strip_suffix(".oracle.com")).is_some()
}

/// Oracle answers alike for all three causes (oracle/docker-images#1497, #2773).
fn oracle(repository: &Repository, has_login: bool) -> String {
    let login = if has_login {
        "the password is not an auth token: Oracle refuses account passwords; make a token under \
         \"Auth Token\" in the profile menu of the web site"
    } else {
        "no credentials are configured, and this repository is not free: use the e-mail address of the Oracle \
         account as username and an auth token from the web site as password"
    };
    format!(
        "Oracle Container Registry does not say which of these it is:\n\
         \x20 1. the licence of this repository is not accepted by this account: sign in and accept it at \
         https://{ORACLE}/ords/ocr/ba/{repository}\n\
         \x20 2. {login}\n\
         \x20 3. there is no repository `{repository}`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oracle_has_three_causes_and_a_licence_page() {
        let hint = hint(&ORACLE.parse().unwrap(), &"java/jdk".parse().unwrap(), true).unwrap();
        assert!(hint.contains("https://container-registry.oracle.com/ords/ocr/ba/java/jdk"), "{hint}");
        assert!(hint.contains("auth token") && hint.contains("no repository `java/jdk`"), "{hint}");
    }

    #[test]
    fn elsewhere_only_missing_credentials_are_worth_a_hint() {
        let (host, repository) = ("ghcr.io".parse().unwrap(), "a/b".parse().unwrap());
        assert!(hint(&host, &repository, false).unwrap().contains("docker login ghcr.io"));
        assert_eq!(hint(&host, &repository, true), None);
    }
}
