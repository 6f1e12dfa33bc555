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
