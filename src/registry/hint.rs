//! What to do where a registry denies access, or cannot be talked to, and does not say why.

use crate::oci::{Host, Repository};
use crate::registry::error::Error;
use crate::text::chain;

/// The host of Oracle Container Registry.
const ORACLE: &str = "container-registry.oracle.com";

/// The advice for a denied repository. `login` says where the login that was sent came from.
pub(super) fn denied(host: &Host, repository: &Repository, login: Option<&str>) -> String {
    if host.as_str() == ORACLE || is_oracle_sibling(host.as_str()) {
        return oracle(repository, login);
    }
    let advice = match login {
        Some(_) => format!("check its user name and password, and that this user may see `{repository}`"),
        None => format!("set `registries` → `{host}` → `credentials`, or log in with `docker login {host}`"),
    };
    format!("{}: {advice}", whose(host, login))
}

/// The advice where the list of all repositories is refused.
pub(super) fn no_catalogue(host: &Host, login: Option<&str>) -> String {
    format!(
        "some registries do not offer a list of their repositories (Oracle's, Docker Hub, GHCR), others to administrators alone \
         (Harbor, GitLab), and {}: name the repositories one by one, or use a login that may list them",
        whose(host, login)
    )
}

/// Where the login came from, if there was one.
fn whose(host: &Host, login: Option<&str>) -> String {
    match login {
        Some(origin) => format!("the login for {host} came from {origin}"),
        None => format!("no credentials are configured for {host}"),
    }
}

/// The advice where a quota is used up. It is no matter of logins.
pub(super) fn over_quota(host: &Host, repository: &Repository) -> String {
    format!(
        "a quota of {host} is used up, not the login refused: remove images that nobody needs from `{repository}`, best by a \
         lifecycle policy, or ask for a higher quota (at Amazon ECR: Service Quotas, images per repository)"
    )
}

/// Whose certificates a client trusts.
pub(super) enum Trust {
    /// The authorities of this machine.
    Machine,
    /// Those in `ca_file`, too.
    Own,
    /// None, and why.
    Nobody(String),
}

/// The advice for a connection that failed in this way.
pub(super) fn connection(host: &Host, trust: &Trust, error: &reqwest::Error) -> Option<String> {
    let causes = chain(error);
    // What a server without TLS answers to the first words of TLS.
    if causes.contains("InvalidContentType") {
        return Some(format!(
            "{host} answers without TLS; if that is meant, set `registries` → `{host}` → `plain_http: true`"
        ));
    }
    if causes.contains("invalid HTTP version") {
        return Some(format!(
            "{host} does not answer plain HTTP, but TLS, as it seems: take `registries` → `{host}` → `plain_http` away"
        ));
    }
    if causes.contains("CaUsedAsEndEntity") {
        return Some(format!(
            "{host} uses a CA certificate as its server certificate: issue it a server certificate (`CA:FALSE`), signed by \
             that CA"
        ));
    }
    // An authority that was made anew has the name of the old one, and another key.
    let is_other_key = matches!(trust, Trust::Own) && causes.contains("BadSignature");
    (causes.contains("UnknownIssuer") || is_other_key).then(|| match trust {
        Trust::Machine => format!(
            "if {host} has a certificate of your own authority, set `registries` → `{host}` → `ca_file`; if its authority \
             is a public one, it may not send the certificates in between"
        ),
        Trust::Own => format!(
            "no authority in `registries` → `{host}` → `ca_file` signed this certificate: name the one that did; or the \
             certificates in between are not sent"
        ),
        Trust::Nobody(lack) => lack.clone(),
    })
}

/// The advice for a blob that is refused for its size. `least` is the smallest request that was refused.
pub(super) fn too_large(host: &Host, error: &Error, size: u64, least: u64) -> String {
    let server = error.refusal().and_then(|refusal| refusal.server.as_deref());
    let by = server.map_or_else(String::new, |server| format!(" (`{server}`)"));
    let chunks = if least < size { format!(", nor chunks of {least} bytes") } else { String::new() };
    format!(
        "{host} or a proxy before it{by} does not take the {size} bytes of this blob in one request{chunks}: raise the \
         limit there (`client_max_body_size` in nginx), or reach the registry by a way around the proxy"
    )
}

/// `container-registry-phx.oracle.com` and its like.
fn is_oracle_sibling(host: &str) -> bool {
    host.strip_prefix("container-registry-").and_then(|rest| rest.strip_suffix(".oracle.com")).is_some()
}

/// Oracle answers alike for all three causes (oracle/docker-images#1497, #2773).
fn oracle(repository: &Repository, login: Option<&str>) -> String {
    let login = if login.is_some() {
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
        let hint = denied(&ORACLE.parse().unwrap(), &"java/jdk".parse().unwrap(), Some("the configuration"));
        assert!(hint.contains("https://container-registry.oracle.com/ords/ocr/ba/java/jdk"), "{hint}");
        assert!(hint.contains("auth token") && hint.contains("no repository `java/jdk`"), "{hint}");
    }

    #[test]
    fn elsewhere_the_login_is_worth_a_hint() {
        let (host, repository) = ("ghcr.io".parse().unwrap(), "a/b".parse().unwrap());
        assert!(denied(&host, &repository, None).contains("docker login ghcr.io"));
        assert!(
            denied(&host, &repository, Some("Docker's config.json"))
                .contains("came from Docker's config.json")
        );
    }
}
