//! Where the daemon listens, as people write it.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Where it listens where nobody says anything else, or leaves the variable empty.
pub(super) const DEFAULT: &str = "127.0.0.1:8080";

/// An address and a port: `ADDRESS:PORT`, `localhost:PORT`, or `:PORT` for all addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listen {
    /// Tried in this order; the first that can be bound is used.
    pub(super) addresses: Vec<SocketAddr>,
    text: String,
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = if text.trim().is_empty() { DEFAULT } else { text.trim() };
        let listen = |addresses| Ok(Self { addresses, text: text.to_owned() });
        if let Ok(address) = text.parse() {
            return listen(vec![address]);
        }
        let forms = "write ADDRESS:PORT, such as `127.0.0.1:8080`, or `:PORT` for all addresses";
        if text.parse::<u16>().is_ok() {
            return Err(format!(
                "has no address: write `:{text}` for all addresses or `127.0.0.1:{text}` for this machine"
            ));
        }
        let Some((host, port)) = text.rsplit_once(':') else {
            return Err(format!("has no port: {forms}"));
        };
        if host.contains(':') && !host.starts_with('[') {
            return Err(format!("write an IPv6 address in brackets: `[{host}]:{port}`"));
        }
        let port: u16 = port.parse().map_err(|_| format!("has no port: {forms}"))?;
        let both = |v4: Ipv4Addr, v6: Ipv6Addr| [SocketAddr::from((v4, port)), SocketAddr::from((v6, port))];
        match host {
            // IPv6 takes connections of IPv4 too, where there is any.
            "" | "*" => {
                listen(both(Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED).into_iter().rev().collect())
            }
            "localhost" => listen(both(Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST).to_vec()),
            _ => Err(format!("`{host}` is not an IP address: {forms}")),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&[&str], &str>) {
        let addresses = text.parse::<Listen>().map(|listen| listen.addresses);
        match (addresses, expected) {
            (Ok(addresses), Ok(expected)) => {
                let expected: Vec<SocketAddr> = expected.iter().map(|text| text.parse().unwrap()).collect();
                assert_eq!(addresses, expected, "{text}");
            }
            (Err(error), Err(words)) => assert!(error.contains(words), "{error}"),
            (answer, _) => panic!("{text}: {answer:?}"),
        }
    }

    // Seen in patchloom/patchloom#2462, influxdata/influxdb_iox#785, cipherstash/proxy#434.
    #[test]
    fn an_address_is_read_as_people_write_it() {
        check("127.0.0.1:0", Ok(&["127.0.0.1:0"]));
        check("[::1]:8080", Ok(&["[::1]:8080"]));
        check(":8080", Ok(&["[::]:8080", "0.0.0.0:8080"]));
        check("localhost:8080", Ok(&["127.0.0.1:8080", "[::1]:8080"]));
        for empty in ["", " "] {
            check(empty, Ok(&["127.0.0.1:8080"]));
        }
    }

    #[test]
    fn what_is_no_address_is_told_with_what_to_write() {
        check("8080", Err("write `:8080` for all addresses or `127.0.0.1:8080`"));
        check("::1:8080", Err("in brackets: `[::1]:8080`"));
        check("0.0.0.0", Err("has no port"));
        check("127.0.0.1:x", Err("has no port"));
        check("registry.test:80", Err("`registry.test` is not an IP address"));
    }
}
