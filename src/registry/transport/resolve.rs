//! Names to addresses, and the last check of where a registry may send us.
//!
//! A token realm, redirect or upload address with an innocent name may resolve to an address inside our network,
//! and reach there what the registry itself cannot (google/go-containerregistry#2258). A registry whose own
//! name resolves to an inside address, as ECR's does behind PrivateLink, may lead to others inside.
//!
//! Behind a proxy it is the proxy who resolves, and this check does nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Url;

use crate::registry::transport::origin;

/// Resolves names for the client of one registry.
#[derive(Clone, Debug)]
pub(in crate::registry) struct Resolver {
    registry: Arc<str>,
    /// The hosts of proxies, which may well be inside.
    proxies: Arc<[String]>,
    /// Whether the registry was last seen inside.
    is_inside: Arc<AtomicBool>,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "refused to go to {name}: it resolves to {address}, an address inside this network, and the registry is outside"
)]
pub(in crate::registry) struct Refused {
    name: String,
    address: SocketAddr,
}

impl Resolver {
    /// For the registry of this address.
    pub(in crate::registry) fn new(root: &Url) -> Self {
        // An address of numbers is never resolved: what it is shows already.
        let is_inside = Arc::new(AtomicBool::new(origin::is_internal(root)));
        Self { registry: root.host_str().unwrap_or_default().into(), proxies: proxies().into(), is_inside }
    }

    fn check(&self, name: &str, addresses: &[SocketAddr]) -> Result<(), Refused> {
        let inside = addresses.iter().find(|address| origin::is_internal_ip(address.ip()));
        if name.eq_ignore_ascii_case(&self.registry) {
            self.is_inside.store(inside.is_some(), Relaxed);
            return Ok(());
        }
        let may_be_inside = self.is_inside.load(Relaxed) || self.proxies.iter().any(|proxy| proxy == name);
        match inside {
            Some(&address) if !may_be_inside => Err(Refused { name: name.to_owned(), address }),
            _ => Ok(()),
        }
    }
}

/// The hosts in the environment variables for proxies.
fn proxies() -> Vec<String> {
    let names = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    let values = names.into_iter().filter_map(|name| std::env::var(name).ok());
    let host = |value: String| {
        // Without a scheme, http is meant.
        let url = Url::parse(&value)
            .ok()
            .filter(Url::has_host)
            .or_else(|| Url::parse(&format!("http://{value}")).ok());
        url?.host_str().map(str::to_owned)
    };
    values.filter_map(host).collect()
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            resolver.check(name.as_str(), &addresses)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTSIDE: &str = "192.0.2.1:0";
    const INSIDE: &str = "10.0.0.1:0";

    fn check(resolver: &Resolver, name: &str, addresses: &[&str]) -> bool {
        let addresses: Vec<_> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        resolver.check(name, &addresses).is_ok()
    }

    #[test]
    fn a_registry_outside_leads_to_no_name_that_is_inside() {
        let resolver = Resolver::new(&"https://registry.example".parse().unwrap());
        assert!(!check(&resolver, "auth.example", &[OUTSIDE, INSIDE]), "before the registry was seen");
        assert!(check(&resolver, "registry.example", &[OUTSIDE]));
        assert!(!check(&resolver, "auth.example", &[INSIDE]));
        assert!(check(&resolver, "auth.example", &[OUTSIDE]));
    }

    #[test]
    fn a_registry_whose_address_is_inside_may_lead_inside() {
        let resolver = Resolver::new(&"http://10.0.0.1:5000".parse().unwrap());
        assert!(check(&resolver, "auth.internal", &[INSIDE]));
    }

    #[test]
    fn a_proxy_may_be_inside() {
        let mut resolver = Resolver::new(&"https://registry.example".parse().unwrap());
        resolver.proxies = ["proxy.corp".to_owned()].into();
        assert!(check(&resolver, "proxy.corp", &[INSIDE]));
        assert!(!check(&resolver, "auth.example", &[INSIDE]));
    }

    #[test]
    fn a_registry_inside_may_lead_to_its_neighbours() {
        let resolver = Resolver::new(&"https://registry.example".parse().unwrap());
        assert!(check(&resolver, "Registry.Example", &[INSIDE]));
        assert!(check(&resolver, "storage.example", &[INSIDE]));
    }
}
