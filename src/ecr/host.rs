//! The host names of private ECR registries.

use crate::oci::Host;

/// What the name of an ECR registry says.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EcrHost {
    /// The twelve digits of the account that owns the registry.
    pub account: String,
    /// The region, such as `ap-northeast-1`.
    pub region: String,
    /// Whether the FIPS endpoint is meant.
    pub fips: bool,
    /// Whether the dual-stack (IPv4 and IPv6) endpoint is meant.
    pub dual_stack: bool,
}

/// The domains of AWS' partitions. A name that merely contains one of them is somebody else's:
/// `….amazonaws.com.example.net` must never be sent an ECR token.
const SUFFIXES: [&str; 9] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "on.aws",
    "on.amazonwebservices.com.cn",
    "sc2s.sgov.gov",
    "c2s.ic.gov",
    "cloud.adc-e.uk",
    "csp.hci.ic.gov",
];

impl EcrHost {
    /// Reads `<account>.dkr.ecr[-fips].<region>.<domain>` or, for dual-stack, `<account>.dkr-ecr[-fips].…`.
    /// None for any other host.
    pub fn parse(host: &Host) -> Option<Self> {
        let (account, rest) = host.as_str().split_once('.')?;
        if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let (dual_stack, rest) = match rest.strip_prefix("dkr.ecr") {
            Some(rest) => (false, rest),
            None => (true, rest.strip_prefix("dkr-ecr")?),
        };
        let (fips, rest) = match rest.strip_prefix("-fips.") {
            Some(rest) => (true, rest),
            None => (false, rest.strip_prefix('.')?),
        };
        let (region, suffix) = rest.split_once('.')?;
        let is_region = !region.is_empty()
            && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        (is_region && SUFFIXES.contains(&suffix)).then(|| Self {
            account: account.to_owned(),
            region: region.to_owned(),
            fips,
            dual_stack,
        })
    }

    /// The host of ECR that another one with an account in front is a misspelling of, as in `….amazonaw.com`.
    pub fn misspelt(host: &Host) -> Option<Host> {
        const SLIPS_MAX: usize = 2;
        let text = host.as_str();
        let [account, _, second, third, _, ..] = text.split('.').collect::<Vec<_>>()[..] else { return None };
        if account.len() != 12 {
            return None;
        }
        // The region is the third word after the account, the second of dual-stack hosts.
        let starts =
            [("dkr.ecr", third), ("dkr.ecr-fips", third), ("dkr-ecr", second), ("dkr-ecr-fips", second)];
        let candidates = starts.map(|(service, region)| format!("{account}.{service}.{region}"));
        let hosts = candidates.iter().flat_map(|start| SUFFIXES.map(|suffix| format!("{start}.{suffix}")));
        let hosts = hosts.filter_map(|text| text.parse().ok()).filter(|host| Self::parse(host).is_some());
        let near = hosts.map(|known: Host| (strsim::damerau_levenshtein(known.as_str(), text), known));
        near.filter(|(slips, _)| (1..=SLIPS_MAX).contains(slips)).min().map(|(_, known)| known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<EcrHost> {
        EcrHost::parse(&text.parse().unwrap())
    }

    #[test]
    fn every_form_in_use_is_ecr() {
        for (text, fips, dual_stack) in [
            ("123456789012.dkr.ecr.ap-northeast-1.amazonaws.com", false, false),
            ("123456789012.dkr-ecr.eu-central-1.on.aws", false, true),
            ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", true, false),
            ("123456789012.dkr-ecr-fips.us-east-1.on.aws", true, true),
            ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", false, false),
        ] {
            let host = parse(text).unwrap();
            assert_eq!(
                (host.fips, host.dual_stack, host.account.as_str()),
                (fips, dual_stack, "123456789012"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_slip_finds_the_host_that_was_meant() {
        for (text, expected) in [
            (
                "123456789012.dkr.ecr.eu-central-1.amazonaw.com",
                Some("123456789012.dkr.ecr.eu-central-1.amazonaws.com"),
            ),
            (
                "123456789012.drk.ecr.us-east-1.amazonaws.com",
                Some("123456789012.dkr.ecr.us-east-1.amazonaws.com"),
            ),
            (
                "123456789012.dkr.ecr.cn-north-1.amazonaws.com.c",
                Some("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn"),
            ),
            ("123456789012.dkr-erc.us-east-1.on.aws", Some("123456789012.dkr-ecr.us-east-1.on.aws")),
            ("1234.dkr.ecr.us-east-1.amazonaw.com", None),
            ("123456789012.dkr-ecr.us-east-1.on.awss", Some("123456789012.dkr-ecr.us-east-1.on.aws")),
            ("123456789012.dkr.ecr.us-east-1.amazonaws.com", None),
            ("registry.one.two.three.example.com", None),
            ("quay.io", None),
        ] {
            let meant = EcrHost::misspelt(&text.parse().unwrap());
            assert_eq!(meant.as_ref().map(Host::as_str), expected, "{text}");
        }
    }

    #[test]
    fn look_alikes_are_not() {
        for text in [
            "123456789012.dkr.ecr.us-east-1.amazonaws.com.fake.example.com",
            "fake.123456789012.dkr.ecr.us-east-1.amazonaws.com",
            "12345678901.dkr.ecr.us-east-1.amazonaws.com",
            "123456789012.dkr.ecr.us-east-1.evil-amazonaws.com",
            "123456789012.dkr.ecr.us-east-1.x.amazonaws.com",
            "123456789012.dkr.ecrx.us-east-1.amazonaws.com",
            "123456789012.dkr.ecr.amazonaws.com",
            "123456789012.dkr.ecr.us-east-1.amazonaws.com:444",
            "public.ecr.aws",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
