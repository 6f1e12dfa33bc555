//! Which addresses a registry may send us to, and with what in hand.
//!
//! An origin is scheme, host and effective port. Credentials belong to one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use url::{Host, Url};

use crate::text::address;

/// Why nothing leads to metadata services.
pub(super) const AT_CREDENTIALS: &str =
    "it is an address inside this network at which a machine keeps its credentials, and nothing allows that";
/// Why nothing leads out of TLS, and what to do.
const UNENCRYPTED: &str = "it is not encrypted, and the registry is: give that address TLS or, where it is the registry's \
     storage, let the registry send blobs itself (`storage.redirect.disable: true` in docker-registry and Harbor)";
/// Metadata services that are not link-local: Alibaba's, Oracle's second one, Azure's.
const METADATA: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192), Ipv4Addr::new(168, 63, 129, 16)];

/// Whether `url` is at the registry's own origin; only then may credentials go there.
pub(in crate::registry) fn is_own(root: &Url, url: &Url) -> bool {
    root.origin() == url.origin()
}

/// Hosts inside that a registry outside may lead to, because its operator says so: names, and `*.DOMAIN` for all below one.
///
/// ECR's layers behind an interface endpoint of S3 are the usual ones.
#[derive(Clone, Debug, Default)]
pub struct PrivateHosts(Arc<[String]>);

impl PrivateHosts {
    /// These hosts, in lower case.
    pub fn new(hosts: Vec<String>) -> Self {
        Self(hosts.into())
    }

    pub(in crate::registry) fn contain(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        self.0.iter().any(|host| match host.strip_prefix('*') {
            Some(domain) => name.len() > domain.len() && name.ends_with(domain),
            None => *host == name,
        })
    }
}

/// A registry behind a proxy that ends TLS may not know that, and call its own addresses `http://`
/// (distribution/distribution#996): they mean its own origin.
pub(in crate::registry) fn encrypted(root: &Url, url: Url) -> Url {
    let is_own_port = url.port().is_none_or(|port| Some(port) == root.port_or_known_default());
    if (root.scheme(), url.scheme()) != ("https", "http") || root.host() != url.host() || !is_own_port {
        return url;
    }
    let mut own = root.clone();
    own.set_path(url.path());
    own.set_query(url.query());
    own
}

/// The address of a redirect, upload or token service as it is used, if it may be used at all.
pub(in crate::registry) fn permitted(root: &Url, url: Url, allowed: &PrivateHosts) -> Result<Url, String> {
    let url = encrypted(root, url);
    check(root, &url, allowed)?;
    Ok(url)
}

/// A registry reached over TLS must not lead to plain http, and a public registry must not lead to an
/// address that only our own network can reach (CVE-2020-15157 and its relatives), but for those that are allowed.
fn check(root: &Url, url: &Url, allowed: &PrivateHosts) -> Result<(), String> {
    let refused = |why: &str| Err(format!("refused to go to {}: {why}", address(url)));
    if is_own(root, url) {
        return Ok(());
    }
    match (root.scheme(), url.scheme()) {
        (_, "https") | ("http", "http") => {}
        ("https", "http") => return refused(UNENCRYPTED),
        _ => return refused("it is neither http nor https"),
    }
    let name = url.host_str().unwrap_or_default();
    let ip = url.host().and_then(|host| match host {
        Host::Ipv4(ip) => Some(IpAddr::from(ip)),
        Host::Ipv6(ip) => Some(IpAddr::from(ip)),
        Host::Domain(_) => None,
    });
    if ip.is_some_and(is_metadata) {
        return refused(AT_CREDENTIALS);
    }
    if is_internal(url) && !is_internal(root) && !allowed.contain(name.trim_matches(['[', ']'])) {
        return refused(&inside("it is an address inside this network", root.authority(), name));
    }
    Ok(())
}

/// Why a registry outside, of this authority, does not lead there, and what allows it.
pub(super) fn inside(what: &str, registry: &str, name: &str) -> String {
    format!(
        "{what}, and {registry} is public; if that is meant: `registries: {{{registry}: {{private_redirects: [\"{name}\"]}}}}`"
    )
}

/// Addresses at which machines, tasks and pods find their credentials: link-local ones, and those of some clouds. No registry
/// has one.
pub(super) fn is_metadata(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_link_local() || METADATA.contains(&ip),
        IpAddr::V6(ip) => {
            let is_own = ip.is_unicast_link_local() || ip.segments()[..2] == [0xfd00, 0xec2];
            is_own || embedded(ip).any(|ip| is_metadata(ip.into()))
        }
    }
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

/// Whether only this machine or this network has such an address, or nobody (RFC 6890).
pub(in crate::registry) fn is_internal_ip(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [first, second, third, _] = ip.octets();
            let is_shared = first == 100 && second & 0xc0 == 64;
            let is_benchmark = first == 198 && second & 0xfe == 18;
            let is_protocol = [first, second, third] == [192, 0, 0];
            let is_no_host = first == 0 || first >= 224;
            let is_near = ip.is_loopback() || ip.is_private() || ip.is_link_local();
            is_near || is_shared || is_benchmark || is_protocol || is_no_host
        }
        IpAddr::V6(ip) => {
            let first = ip.segments()[0];
            let is_site_local = first & 0xffc0 == 0xfec0;
            let is_local_nat64 = ip.segments()[..3] == [0x64, 0xff9b, 1];
            let is_near = ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local();
            let is_own = is_near || is_site_local || is_local_nat64 || ip.is_multicast();
            is_own || embedded(ip).any(|ip| is_internal_ip(ip.into()))
        }
    }
}

/// The IPv4 addresses to which this one leads, in the ways in which IPv6 carries them.
fn embedded(ip: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    let s = ip.segments();
    let address = |high: u16, low: u16| Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low));
    let is_compatible = s[..6] == [0; 6];
    let is_translated = s[..6] == [0, 0, 0, 0, 0xffff, 0];
    let is_nat64 = s[..2] == [0x64, 0xff9b];
    let is_isatap = s[4] & 0xfdff == 0 && s[5] == 0x5efe;
    let is_last = is_compatible || is_translated || is_nat64 || is_isatap;
    let (is_6to4, is_teredo) = (s[0] == 0x2002, s[..2] == [0x2001, 0]);
    [
        is_last.then(|| address(s[6], s[7])),
        is_6to4.then(|| address(s[1], s[2])),
        // The server, and the client behind it.
        is_teredo.then(|| address(s[2], s[3])),
        is_teredo.then(|| address(!s[6], !s[7])),
    ]
    .into_iter()
    .flatten()
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
            assert!(check(&root, &url(inside), &PrivateHosts::default()).is_err(), "{inside}");
        }
        assert_eq!(check(&root, &url("https://cdn.example/x?sig=1"), &PrivateHosts::default()), Ok(()));
        assert_eq!(check(&root, &url("https://registry.example:443/auth"), &PrivateHosts::default()), Ok(()));
    }

    // Seen in distribution/distribution#996, #479, #2225, podman-container-tools/buildah#4788.
    #[test]
    fn an_own_address_without_tls_is_taken_with_it() {
        let permitted =
            |root: &str, to: &str| permitted(&url(root), url(to), &PrivateHosts::default()).map(String::from);
        for (root, to, own) in [
            (
                "https://a.example/",
                "http://a.example/v2/x?_state=a%2Fb#c",
                "https://a.example/v2/x?_state=a%2Fb",
            ),
            ("https://a.example/", "http://A.example:80/x", "https://a.example/x"),
            ("https://a.example/", "http://a.example:443/x", "https://a.example/x"),
            ("https://a.example:8443/", "http://a.example/x", "https://a.example:8443/x"),
            ("https://a.example:8443/", "http://a.example:8443/x", "https://a.example:8443/x"),
            ("https://10.0.0.1/", "http://user:pw@10.0.0.1/x", "https://10.0.0.1/x"),
            ("http://a.example/", "http://a.example/x", "http://a.example/x"),
        ] {
            assert_eq!(permitted(root, to), Ok(own.to_owned()), "{to}");
        }
        for to in
            ["http://a.example:8080/x", "http://b.example/x", "http://a.example.b/x", "ftp://a.example/x"]
        {
            assert!(permitted("https://a.example/", to).is_err(), "{to}");
        }
        let storage = permitted("https://a.example/", "http://minio.example:9000/x?sig=1").unwrap_err();
        assert!(storage.contains("storage.redirect.disable") && !storage.contains("sig"), "{storage}");
    }

    /// An address as a report has it, where that was seen, and whether it is inside.
    const ADDRESSES: &[(&str, &str, bool)] = &[
        ("[::ffff:127.0.0.1]", "decolua/9router#3370", true),
        ("[::ffff:a9fe:a9fe]", "EverMind-AI/Raven#374", true),
        ("[::ffff:10.0.0.1]", "felippe-regazio/ssrfcheck#11", true),
        ("[::ffff:8.8.8.8]", "none found; brother of the above", false),
        ("[::127.0.0.1]", "ComposioHQ/composio#3779", true),
        ("[::a9fe:a9fe]", "qhkm/zeptoclaw#105", true),
        ("[::10.0.0.1]", "qhkm/zeptoclaw#105", true),
        ("[64:ff9b::a9fe:a9fe]", "infiniflow/ragflow#19517", true),
        ("[64:ff9b::10.0.0.5]", "flytohub/flyto-core#20", true),
        // Networks of IPv6 alone reach everything so.
        ("[64:ff9b::808:808]", "infiniflow/ragflow#19517", false),
        ("[64:ff9b:1::a9fe:a9fe]", "basecamp/fizzy#2988", true),
        ("[64:ff9b:1::808:808]", "basecamp/fizzy#2988", true),
        ("[2002:7f00:1::]", "qhkm/zeptoclaw#105", true),
        ("[2002:808:808::]", "none found; brother of the above", false),
        ("[2001:0:4136:e378:8000:63bf:80ff:fffe]", "basecamp/fizzy#2988", true),
        ("[2001:0:a00:1:8000:63bf:3fff:fdd2]", "basecamp/fizzy#2988", true),
        ("[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "basecamp/fizzy#2988", false),
        ("[fe80::5efe:10.0.0.1]", "basecamp/fizzy#2988", true),
        ("[2001:db8::5efe:a00:1]", "basecamp/fizzy#2988", true),
        ("[2001:db8::200:5efe:a00:1]", "none found; brother of the above", true),
        ("[::ffff:0:7f00:1]", "rmyndharis/OpenWA#518", true),
        ("[::ffff:0:a9fe:a9fe]", "rmyndharis/OpenWA#518", true),
        ("0", "infiniflow/ragflow#19517", true),
        ("0.1.2.3", "infiniflow/ragflow#19517", true),
        ("[::]", "infiniflow/ragflow#19517", true),
        ("100.64.0.1", "felippe-regazio/ssrfcheck#11", true),
        ("192.0.0.1", "felippe-regazio/ssrfcheck#11", true),
        ("198.18.0.1", "felippe-regazio/ssrfcheck#11", true),
        ("198.20.0.1", "none found; brother of the above", false),
        ("240.0.0.1", "felippe-regazio/ssrfcheck#11", true),
        ("255.255.255.255", "felippe-regazio/ssrfcheck#11", true),
        ("224.0.0.1", "felippe-regazio/ssrfcheck#11", true),
        ("[fc00::1]", "coollabsio/coolify#11896", true),
        ("[fec0::1]", "coollabsio/coolify#11896", true),
        ("[ff02::1]", "coollabsio/coolify#11896", true),
        ("[2606:4700::1111]", "none found; brother of the above", false),
        ("localhost", "google/go-containerregistry#2258", true),
        ("localhost.", "google/go-containerregistry#2258", true),
        ("foo.localhost", "google/go-containerregistry#2258", true),
        ("host.docker.internal", "google/go-containerregistry#2258", true),
        ("127.1", "none found; brother of the above", true),
        ("0x7f.1", "none found; brother of the above", true),
        ("2130706433", "none found; brother of the above", true),
        ("017700000001", "none found; brother of the above", true),
        ("127.0.0.1.", "none found; brother of the above", true),
        ("\u{ff11}\u{ff12}\u{ff17}.0.0.1", "none found; brother of the above", true),
    ];

    #[test]
    fn addresses_are_inside_however_they_are_written() {
        let root = url("https://registry.example");
        for (address, seen, is_inside) in ADDRESSES {
            let to = url(&format!("https://{address}/x"));
            let checked = check(&root, &to, &PrivateHosts::default());
            assert_eq!(checked.is_err(), *is_inside, "{address} ({seen}): {checked:?}");
        }
        assert!(Url::parse("https://[fe80::1%25eth0]/").is_err(), "a zone is no part of an address");
    }

    #[test]
    fn an_address_that_carries_one_of_a_metadata_service_is_one() {
        for address in [
            "::ffff:a9fe:a9fe",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a9fe:a9fe",
            "2002:a9fe:a9fe::",
            "::6464:64c8",
        ] {
            assert!(is_metadata(address.parse().unwrap()), "{address}");
        }
        assert!(!is_metadata("64:ff9b::808:808".parse().unwrap()));
    }

    #[test]
    fn a_registry_inside_may_lead_to_its_neighbours() {
        let check = |root: &str, to: &str| check(&url(root), &url(to), &PrivateHosts::default());
        assert_eq!(check("http://127.0.0.1:5000", "http://127.0.0.1:5001/auth"), Ok(()));
        assert_eq!(check("http://10.0.0.1", "https://10.0.0.2/x"), Ok(()));
        for metadata in
            ["http://169.254.169.254/latest", "http://[fd00:ec2::254]/", "http://100.100.100.200/"]
        {
            assert!(check("http://10.0.0.1", metadata).is_err(), "{metadata}");
        }
    }

    fn allowed(hosts: &[&str]) -> PrivateHosts {
        PrivateHosts::new(hosts.iter().map(|&host| host.to_owned()).collect())
    }

    // Seen in distribution/distribution#1073, bolna-ai/bolna#805.
    #[test]
    fn private_hosts_are_names_or_all_below_a_domain() {
        let hosts = allowed(&["one.corp", "*.s3.eu-central-1.amazonaws.com"]);
        for name in
            ["one.corp", "ONE.corp.", "a.s3.eu-central-1.amazonaws.com", "A.B.S3.eu-central-1.amazonaws.com."]
        {
            assert!(hosts.contain(name), "{name}");
        }
        for name in [
            "a.one.corp",
            "s3.eu-central-1.amazonaws.com",
            ".s3.eu-central-1.amazonaws.com",
            "as3.eu-central-1.amazonaws.com",
            "a.s3.eu-central-1.amazonaws.com.evil.example",
        ] {
            assert!(!hosts.contain(name), "{name}");
        }
    }

    // Seen in google/go-containerregistry#2291, docker/model-runner#1050.
    #[test]
    fn what_is_allowed_inside_is_never_where_credentials_are() {
        let hosts = allowed(&["10.0.0.5", "169.254.169.254", "fd00:ec2::254", "100.100.100.200"]);
        let check = |to: &str| check(&url("https://registry.example"), &url(to), &hosts);
        assert_eq!(check("https://10.0.0.5/x"), Ok(()));
        assert!(check("https://10.0.0.6/x").unwrap_err().contains("private_redirects: [\"10.0.0.6\"]"));
        for metadata in [
            "https://169.254.169.254/x",
            "https://[fd00:ec2::254]/x",
            "https://100.100.100.200/",
            "https://2852039166/",
        ] {
            assert!(check(metadata).unwrap_err().contains("keeps its credentials"), "{metadata}");
        }
    }
}
