//! Names to addresses, and the last check of where a registry may send us.
//!
//! A token realm, redirect or upload address with an innocent name may resolve to an address inside our network,
//! and reach there what the registry itself cannot (google/go-containerregistry#2258). What counts is the address that is
//! connected to: of several of one name, those that are not allowed are left out. A registry whose own name resolves to
//! inside addresses alone, as ECR's does behind PrivateLink, may lead to others inside.
//!
//! Behind a proxy it is the proxy who resolves, and this check does nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Url;

use crate::proxy::Proxies;
use crate::registry::transport::origin;
use crate::registry::transport::origin::PrivateHosts;

/// Resolves names for the client of one registry.
#[derive(Clone, Debug)]
pub(in crate::registry) struct Resolver {
    registry: Arc<str>,
    /// The same with its port, as the configuration has it.
    authority: Arc<str>,
    /// Further hosts that may be inside.
    private_redirects: PrivateHosts,
    /// The hosts of proxies, which may well be inside.
    proxies: Arc<[String]>,
    /// Whether the registry was last seen inside.
    is_inside: Arc<AtomicBool>,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("refused to go to {name}: {why}")]
pub(in crate::registry) struct Refused {
    name: String,
    why: String,
}

impl Resolver {
    /// For the registry of this address.
    pub(in crate::registry) fn new(root: &Url, private_redirects: PrivateHosts, proxies: &Proxies) -> Self {
        // An address of numbers is never resolved: what it is shows already.
        let is_inside = Arc::new(AtomicBool::new(origin::is_internal(root)));
        let proxies = proxies.hosts().map(str::to_owned).collect();
        let registry = root.host_str().unwrap_or_default().into();
        Self { registry, authority: root.authority().into(), private_redirects, proxies, is_inside }
    }

    /// Those of a name's addresses that may be connected to.
    fn allowed(&self, name: &str, addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Refused> {
        let is_inside = |address: &SocketAddr| origin::is_internal_ip(address.ip());
        let plain = name.trim_end_matches('.');
        let is_registry = plain.eq_ignore_ascii_case(self.registry.trim_end_matches('.'));
        if is_registry {
            self.is_inside.store(!addresses.is_empty() && addresses.iter().all(is_inside), Relaxed);
        } else if self.proxies.iter().any(|proxy| proxy == name) {
            return Ok(addresses);
        }
        let may_be_inside =
            is_registry || self.is_inside.load(Relaxed) || self.private_redirects.contain(plain);
        let why = |address: &SocketAddr| {
            let ip = address.ip();
            if origin::is_metadata(ip) {
                Some(format!("it resolves to {ip}: {}", origin::AT_CREDENTIALS))
            } else if is_inside(address) && !may_be_inside {
                let what = format!("it resolves to {ip}, an address inside this network");
                Some(origin::inside(&what, &self.authority, name))
            } else {
                None
            }
        };
        let refused = addresses.iter().find_map(why);
        let allowed: Vec<_> = addresses.into_iter().filter(|address| why(address).is_none()).collect();
        match refused {
            Some(why) if allowed.is_empty() => Err(Refused { name: name.to_owned(), why }),
            _ => Ok(allowed),
        }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed = resolver.allowed(name.as_str(), addresses)?;
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTSIDE: &str = "192.0.2.1:0";
    const INSIDE: &str = "10.0.0.1:0";

    fn resolver(root: &str) -> Resolver {
        Resolver::new(&root.parse().unwrap(), PrivateHosts::default(), &Proxies::default())
    }

    /// The addresses that may be connected to, none where all are refused.
    fn allowed(resolver: &Resolver, name: &str, addresses: &[&str]) -> Vec<String> {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let allowed = resolver.allowed(name, addresses).unwrap_or_default();
        allowed.iter().map(ToString::to_string).collect()
    }

    fn check(resolver: &Resolver, name: &str, addresses: &[&str]) -> bool {
        allowed(resolver, name, addresses) == addresses
    }

    #[test]
    fn a_registry_outside_leads_to_no_name_that_is_inside() {
        let resolver = resolver("https://registry.example");
        assert!(!check(&resolver, "auth.example", &[INSIDE]), "before the registry was seen");
        assert!(check(&resolver, "registry.example", &[OUTSIDE]));
        assert!(!check(&resolver, "auth.example", &[INSIDE]));
        assert!(check(&resolver, "auth.example", &[OUTSIDE]));
    }

    // Seen in marmos91/dittofs#1917, marmos91/dittofs#1927.
    #[test]
    fn of_several_addresses_those_outside_are_connected_to() {
        let resolver = resolver("https://registry.example");
        for both in [[OUTSIDE, INSIDE], [INSIDE, OUTSIDE], ["[64:ff9b::a00:1]:0", OUTSIDE]] {
            assert_eq!(allowed(&resolver, "cdn.example", &both), [OUTSIDE]);
        }
        assert!(!check(&resolver, "cdn.example", &[INSIDE, "127.0.0.1:0"]));
    }

    #[test]
    fn a_registry_is_inside_by_all_of_its_addresses() {
        let resolver = resolver("https://registry.example");
        assert!(check(&resolver, "registry.example", &[OUTSIDE, INSIDE]));
        assert!(!check(&resolver, "storage.example", &[INSIDE]));
        assert!(check(&resolver, "registry.example.", &[INSIDE, "[fd12::1]:0"]));
        assert!(check(&resolver, "storage.example", &[INSIDE]));
        assert_eq!(allowed(&resolver, "registry.example", &["169.254.169.254:0", OUTSIDE]), [OUTSIDE]);
    }

    #[test]
    fn a_registry_whose_address_is_inside_may_lead_inside() {
        let resolver = resolver("http://10.0.0.1:5000");
        assert!(check(&resolver, "auth.internal", &[INSIDE]));
    }

    #[test]
    fn what_is_allowed_may_be_inside_and_never_where_credentials_are() {
        let mut resolver = resolver("https://registry.example");
        let error = resolver.allowed("s3.corp", vec![INSIDE.parse().unwrap()]).unwrap_err().to_string();
        assert!(
            error.contains("10.0.0.1")
                && error.contains("`registries: {registry.example: {private_redirects: [\"s3.corp\"]}}`"),
            "{error}"
        );
        resolver.private_redirects = PrivateHosts::new(vec!["s3.corp".to_owned()]);
        assert!(check(&resolver, "s3.corp", &[INSIDE]));
        assert!(!check(&resolver, "auth.example", &[INSIDE]));
        for metadata in [
            "169.254.169.254:0",
            "169.254.170.2:0",
            "[fd00:ec2::254]:0",
            "100.100.100.200:0",
            "[64:ff9b::a9fe:a9fe]:0",
        ] {
            assert!(!check(&resolver, "s3.corp", &[metadata]), "{metadata}");
        }
    }

    #[test]
    fn a_proxy_may_be_inside() {
        let mut resolver = resolver("https://registry.example");
        resolver.proxies = ["proxy.corp".to_owned()].into();
        assert!(check(&resolver, "proxy.corp", &[INSIDE]));
        assert!(!check(&resolver, "auth.example", &[INSIDE]));
    }

    #[test]
    fn a_registry_inside_may_lead_to_its_neighbours() {
        let resolver = resolver("https://registry.example");
        assert!(check(&resolver, "Registry.Example", &[INSIDE]));
        assert!(check(&resolver, "storage.example", &[INSIDE]));
    }
}
