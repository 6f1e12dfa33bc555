//! Which addresses a registry may send us to, and with what in hand.
//!
//! An origin is scheme, host and effective port. Credentials belong to one.

use std::net::IpAddr;

use url::{Host, Url};

use crate::text::address;

/// Whether `url` is at the registry's own origin; only then may credentials go there.
pub(in crate::registry) fn is_own(root: &Url, url: &Url) -> bool {
    root.origin() == url.origin()
}

/// Whether a redirect, upload address or token service may be used at all.
///
/// A registry reached over TLS must not lead to plain http, and a public registry must not lead to an
/// address that only our own network can reach (CVE-2020-15157 and its relatives).
pub(in crate::registry) fn check(root: &Url, url: &Url) -> Result<(), String> {
    let refused = |why: &str| Err(format!("refused to go to {}: {why}", address(url)));
    if is_own(root, url) {
        return Ok(());
    }
    match (root.scheme(), url.scheme()) {
        (_, "https") | ("http", "http") => {}
        ("https", "http") => return refused("it is not encrypted, and the registry is"),
        _ => return refused("it is neither http nor https"),
    }
    if is_internal(url) && !is_internal(root) {
        return refused("it is an address inside this network, and the registry is outside");
    }
    Ok(())
}

/// Loopback, private, link-local and the like, as a literal or a name that says so.
pub(in crate::registry) fn is_internal(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => is_internal_ip(ip.into()),
        Some(Host::Ipv6(ip)) => is_internal_ip(ip.into()),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost") || name.ends_with(".internal")
        }
        None => true,
    }
}

pub(in crate::registry) fn is_internal_ip(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified() || shared
        }
        IpAddr::V6(ip) => {
            ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn the_default_port_is_the_same_origin() {
        assert!(is_own(&url("https://a.example"), &url("https://a.example:443/v2/")));
        for other in ["https://a.example:444", "http://a.example", "https://b.example", "https://a.example.b"]
        {
            assert!(!is_own(&url("https://a.example"), &url(other)), "{other}");
        }
    }

    #[test]
    fn a_public_registry_leads_nowhere_inside() {
        let root = url("https://registry.example");
        for inside in [
            "https://127.0.0.1/x",
            "https://10.0.0.1/x",
            "https://169.254.169.254/latest/meta-data",
            "https://[::1]/x",
            "https://[::ffff:10.0.0.1]/x",
            "https://[fe80::1]/x",
            "https://100.64.1.1/x",
            "https://localhost/x",
            "https://metadata.google.internal/x",
            "http://cdn.example/x",
            "ftp://cdn.example/x",
            "file:///etc/passwd",
        ] {
            assert!(check(&root, &url(inside)).is_err(), "{inside}");
        }
        assert_eq!(check(&root, &url("https://cdn.example/x?sig=1")), Ok(()));
        assert_eq!(check(&root, &url("https://registry.example:443/auth")), Ok(()));
    }

    #[test]
    fn a_registry_inside_may_lead_to_its_neighbours() {
        assert_eq!(check(&url("http://127.0.0.1:5000"), &url("http://127.0.0.1:5001/auth")), Ok(()));
        assert_eq!(check(&url("http://10.0.0.1"), &url("https://10.0.0.2/x")), Ok(()));
    }
}
