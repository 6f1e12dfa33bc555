//! What to do where a registry denies access, or cannot be talked to, and does not say why.

use http::StatusCode;
use http::header::WWW_AUTHENTICATE;

use crate::oci::{Host, Repository};
use crate::registry::error::Error;
use crate::registry::transport::wire::Answer;
use crate::text::chain;

/// The host of Oracle Container Registry.
const ORACLE: &str = "container-registry.oracle.com";

/// What became of the login for a request that was refused, and where it came from.
pub(super) enum LoginUse {
    Missing,
    /// The registry did not ask for it.
    Unsent(String),
    Sent(String),
}

/// The advice for a denied repository.
pub(super) fn denied(host: &Host, repository: &Repository, login: &LoginUse) -> String {
    let is_oracle = host.as_str() == ORACLE || is_oracle_sibling(host.as_str());
    let advice = match login {
        LoginUse::Sent(_) | LoginUse::Missing if is_oracle => return oracle(repository, login),
        LoginUse::Sent(_) => {
            format!("check its user name and password, and that this user may see `{repository}`")
        }
        LoginUse::Unsent(_) => format!(
            "check the name `{repository}`, and whether {host} or a proxy before it lets requests from here pass"
        ),
        LoginUse::Missing => {
            format!("set `registries` → `{host}` → `credentials`, or log in with `docker login {host}`")
        }
    };
    format!("{}: {advice}", whose(host, login))
}

/// The advice where the list of all repositories is refused.
pub(super) fn no_catalogue(host: &Host, login: &LoginUse) -> String {
    format!(
        "some registries do not offer a list of their repositories (Oracle's, Docker Hub, GHCR), others to administrators alone \
         (Harbor, GitLab), and {}: name the repositories one by one, or use a login that may list them",
        whose(host, login)
    )
}

/// Where the login came from, if there was one.
fn whose(host: &Host, login: &LoginUse) -> String {
    match login {
        LoginUse::Sent(origin) => format!("the login for {host} came from {origin}"),
        LoginUse::Unsent(origin) => {
            format!("{host} did not ask for a login, so the one from {origin} was not sent")
        }
        LoginUse::Missing => format!("no credentials are configured for {host}"),
    }
}

/// The advice where a registry redirects to one that wants a login (google/go-containerregistry#2333).
pub(super) fn elsewhere(host: &Host, answer: &Answer) -> Option<String> {
    let wants_login =
        answer.status() == StatusCode::UNAUTHORIZED && answer.shown(WWW_AUTHENTICATE.as_str()).is_some();
    let there = answer.host();
    wants_login.then(|| {
        format!(
            "{host} redirects to {there}, which wants a login, and gets none from here: name {there} in the configuration \
             instead of {host}"
        )
    })
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
fn oracle(repository: &Repository, login: &LoginUse) -> String {
    let login = if matches!(login, LoginUse::Sent(_)) {
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
        let login = LoginUse::Sent("the configuration".to_owned());
        let hint = denied(&ORACLE.parse().unwrap(), &"java/jdk".parse().unwrap(), &login);
        assert!(hint.contains("https://container-registry.oracle.com/ords/ocr/ba/java/jdk"), "{hint}");
        assert!(hint.contains("auth token") && hint.contains("no repository `java/jdk`"), "{hint}");
    }

    #[test]
    fn elsewhere_the_login_is_worth_a_hint() {
        let (host, repository) = ("ghcr.io".parse().unwrap(), "a/b".parse().unwrap());
        let denied = |login| denied(&host, &repository, &login);
        assert!(denied(LoginUse::Missing).contains("docker login ghcr.io"));
        let file = || "Docker's config.json".to_owned();
        assert!(denied(LoginUse::Sent(file())).contains("came from Docker's config.json"));
        let unsent = denied(LoginUse::Unsent(file()));
        assert!(unsent.contains("was not sent") && !unsent.contains("password"), "{unsent}");
    }
}
