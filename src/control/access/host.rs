//! By which names the control plane may be asked.
//!
//! A foreign page in a browser on this machine can let its own name point here, and then read what it likes as its own (DNS
//! rebinding). Its requests have that name as `Host`, so a daemon on loopback answers to its own names alone.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use url::Url;

use crate::control::answer::Error;
use crate::text::excerpt;

/// Whether the process is alive is asked by whatever name, and is no secret.
const FOR_ALL: &str = "/healthz";

/// The names that are answered.
#[derive(Debug)]
pub struct Hosts {
    /// Whether only this machine can connect. Who can connect anyway needs no trick.
    is_loopback: bool,
    /// The host of `public_url`. Held for copies only.
    public: Mutex<Option<String>>,
}

impl Hosts {
    /// The names of a daemon that listens there, and that people reach by `public_url`.
    pub fn new(listen: SocketAddr, public_url: Option<&Url>) -> Self {
        let hosts = Self { is_loopback: listen.ip().is_loopback(), public: Mutex::default() };
        hosts.set_public(public_url);
        hosts
    }

    /// From now on people reach it there.
    pub fn set_public(&self, public_url: Option<&Url>) {
        let host = public_url.and_then(Url::host_str).map(name);
        *self.public.lock().unwrap_or_else(PoisonError::into_inner) = host;
    }

    /// Whether a request names the daemon as it may be named.
    pub(in crate::control) fn check(&self, request: &Request) -> Result<(), Error> {
        let mut named = request.headers().get_all(HOST).iter();
        let host = named.next().map(|host| host.to_str().unwrap_or_default());
        if named.next().is_some() {
            return Err(Error::Hosts);
        }
        if !self.is_loopback || request.uri().path() == FOR_ALL {
            return Ok(());
        }
        let authority = request.uri().authority().map(Authority::as_str);
        // A request to a proxy names the host twice.
        let foreign =
            authority.into_iter().chain([host.unwrap_or_default()]).find(|host| !self.is_ours(host));
        foreign.map_or(Ok(()), |host| Err(Error::Host(excerpt(host))))
    }

    fn is_ours(&self, host: &str) -> bool {
        let public = self.public.lock().unwrap_or_else(PoisonError::into_inner);
        is_this_machine(host) || public.as_ref().is_some_and(|public| name(host) == *public)
    }
}

/// Whether the host of an address, with a port or without, is this machine.
pub(in crate::control) fn is_this_machine(host: &str) -> bool {
    let name = name(host);
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The name in `NAME:PORT`, in one spelling.
fn name(host: &str) -> String {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn status(hosts: &Hosts, uri: &str, named: &[&str]) -> u16 {
        let mut request = Request::builder().uri(uri);
        for host in named {
            request = request.header(HOST, *host);
        }
        let result = hosts.check(&request.body(Body::empty()).unwrap());
        result.map_or_else(|error| error.status().as_u16(), |()| 200)
    }

    // Seen in quick-lint/quick-lint-js#951, nesquena/hermes-webui#3495, microsoft/webui#553.
    #[test]
    fn a_daemon_on_loopback_answers_to_its_own_names() {
        let public: Url = "https://Ferry.example:8443/mirrors".parse().unwrap();
        let hosts = Hosts::new("127.0.0.1:8080".parse().unwrap(), Some(&public));
        for own in [
            "LOCALHOST:8080",
            "localhost.",
            "localhost",
            "127.0.0.1",
            "127.0.0.1:9999",
            "[::1]:8080",
            "[::1]",
            "ferry.example",
            "FERRY.example.:443",
        ] {
            assert_eq!(status(&hosts, "/metrics", &[own]), 200, "{own}");
        }
        for foreign in [
            "",
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil-localhost",
            "a.ferry.example",
            "169.254.1.1",
            "0.0.0.0:8080",
            "localhost@evil.example",
        ] {
            assert_eq!(status(&hosts, "/metrics", &[foreign]), 421, "{foreign}");
            assert_eq!(status(&hosts, "/healthz", &[foreign]), 200, "{foreign}");
        }
        assert_eq!(status(&hosts, "/", &[]), 421);
        assert_eq!(status(&hosts, "http://evil.example/", &["localhost"]), 421);
        assert_eq!(status(&hosts, "http://localhost/", &["localhost"]), 200);
        assert_eq!(status(&hosts, "/", &["localhost", "evil.example"]), 400);
        hosts.set_public(None);
        assert_eq!(status(&hosts, "/", &["ferry.example"]), 421);
    }

    #[test]
    fn whom_all_can_reach_answers_to_every_name() {
        let hosts = Hosts::new("0.0.0.0:8080".parse().unwrap(), None);
        assert_eq!(status(&hosts, "/", &["ferry.svc.cluster.local:8080"]), 200);
        assert_eq!(status(&hosts, "/", &[]), 200);
        assert_eq!(status(&hosts, "/", &["a", "a"]), 400);
    }
}
