//! What no proxy is for: the entries of `NO_PROXY`, and addresses that only this machine can reach.

use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

/// Hosts and networks that are asked without a proxy.
#[derive(Clone, Debug, Default)]
pub(super) struct Exceptions(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    All,
    Network(IpNet),
    /// An address with a port, which alone is meant.
    Address(IpAddr, u16),
    /// A domain and all below it.
    Domain(String, Option<u16>),
}

impl Exceptions {
    /// Reads the entries between commas and blanks. Also gives those that can match nothing.
    pub(super) fn parse(text: &str) -> (Self, Vec<&str>) {
        let (mut entries, mut useless) = (Vec::new(), Vec::new());
        for part in text.split(|c: char| c == ',' || c.is_whitespace()).filter(|part| !part.is_empty()) {
            match entry(part) {
                Some(entry) => entries.push(entry),
                None => useless.push(part),
            }
        }
        (Self(entries), useless)
    }

    pub(super) fn contain(&self, url: &Url) -> bool {
        let port = url.port_or_known_default();
        match url.host() {
            Some(Host::Ipv4(ip)) => self.contain_address(ip.into(), port),
            Some(Host::Ipv6(ip)) => self.contain_address(ip.into(), port),
            Some(Host::Domain(name)) => {
                self.contain_name(&name.trim_end_matches('.').to_ascii_lowercase(), port)
            }
            None => false,
        }
    }

    fn contain_address(&self, ip: IpAddr, port: Option<u16>) -> bool {
        // The credentials of a task, pod or instance: a proxy would answer with its own, or with none.
        is_of_this_machine(ip)
            || self.0.iter().any(|entry| match entry {
                Entry::All => true,
                Entry::Network(network) => network.contains(&ip),
                Entry::Address(address, only) => *address == ip && Some(*only) == port,
                Entry::Domain(..) => false,
            })
    }

    fn contain_name(&self, name: &str, port: Option<u16>) -> bool {
        self.0.iter().any(|entry| match entry {
            Entry::All => true,
            Entry::Domain(domain, only) => {
                let is_below = name
                    .strip_suffix(domain.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
                is_below && (only.is_none() || *only == port)
            }
            Entry::Network(_) | Entry::Address(..) => false,
        })
    }
}

/// Link-local addresses, among them those of credentials in AWS (169.254.169.254, .170.2, .170.23), and their like of IPv6.
fn is_of_this_machine(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.segments()[..2] == [0xfd00, 0xec2],
    }
}

fn entry(text: &str) -> Option<Entry> {
    if text == "*" {
        return Some(Entry::All);
    }
    let address = |text: &str| text.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    if let Some(network) = text.parse().ok().or_else(|| address(text).map(IpNet::from)) {
        return Some(Entry::Network(network));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (text, None),
    };
    if let (Some(address), Some(port)) = (address(host), port) {
        return Some(Entry::Address(address, port));
    }
    let domain = host.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(host);
    let domain = domain.trim_matches('.').to_ascii_lowercase();
    let is_name = !domain.is_empty() && domain.chars().all(|c| c.is_alphanumeric() || "-._".contains(c));
    is_name.then_some(Entry::Domain(domain, port))
}
