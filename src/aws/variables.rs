//! The SDK's variables, checked before it reads them: what it would pass over in silence is refused by its name.

use std::ffi::OsString;

use url::Url;

use crate::aws::credentials::Unfit;

/// Where the SDK looks for the region, in this order.
const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];
/// How names of variables with the address of an API start.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";
/// Where the SDK looks for keys; the last one is an older name of the second.
const ACCESS_KEY: &str = "AWS_ACCESS_KEY_ID";
const SECRET_KEY: &str = "AWS_SECRET_ACCESS_KEY";
const OLD_SECRET_KEY: &str = "SECRET_ACCESS_KEY";
/// Where a container finds credentials, in this order, and what it has to show there.
const CONTAINER: [&str; 2] = ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];
const CONTAINER_TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
const WEB_IDENTITY_TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
/// The SDK ignores what it does not know here, and calls another address than was meant.
const SWITCHES: [&str; 2] = ["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"];
/// Longer names of variables are none of the SDK's.
const PREFIX: &str = "AWS_";

/// What the environment says about the region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Region {
    /// Nothing.
    Unset,
    /// Its variables are empty, which the SDK would take for a region of that name.
    Empty,
    Named(String),
}

/// Checks the SDK's variables among all of these, and gives the region in them.
pub(super) fn check(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Region, Unfit> {
    let mut found = [None, None];
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        let value = value.to_str().ok_or_else(|| Unfit::NotUtf8(name.to_owned()))?;
        if name.starts_with(ENDPOINT) && !value.is_empty() && !is_address(value) {
            return Err(Unfit::Endpoint(name.to_owned()));
        }
        if let Some(switch) = SWITCHES.into_iter().find(|switch| *switch == name) {
            let is_known = ["", "true", "false"].iter().any(|known| value.eq_ignore_ascii_case(known));
            if !is_known {
                return Err(Unfit::Switch(switch));
            }
        }
        if let Some(index) = REGIONS.iter().position(|region| *region == name) {
            found[index] = Some(value.trim().to_owned());
        }
    }
    let is_set = found.iter().any(Option::is_some);
    let named = REGIONS
        .into_iter()
        .zip(found)
        .find_map(|(name, value)| Some((name, value?)).filter(|(_, value)| !value.is_empty()));
    match named {
        None if is_set => Ok(Region::Empty),
        None => Ok(Region::Unset),
        Some((_, value)) if value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') => {
            Ok(Region::Named(value))
        }
        Some((name, value)) => Err(Unfit::Region { name, value }),
    }
}

/// Which sources of credentials the environment names. An empty variable counts as none, and the SDK reads it as set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) web_identity: bool,
    pub(super) container: bool,
}

/// Finds the sources that variables name, or what the SDK would pass over in silence for another source.
pub(super) fn named(variable: impl Fn(&str) -> Option<OsString>) -> Result<Named, Unfit> {
    let is_blank = |name| variable(name).map(|value| value.to_string_lossy().trim().is_empty());
    let is_set = |name| is_blank(name) == Some(false);
    if is_set(ACCESS_KEY) && !is_set(SECRET_KEY) && !is_set(OLD_SECRET_KEY) {
        return Err(Unfit::Half { set: ACCESS_KEY, missing: SECRET_KEY });
    }
    if is_set(SECRET_KEY) && !is_set(ACCESS_KEY) {
        return Err(Unfit::Half { set: SECRET_KEY, missing: ACCESS_KEY });
    }
    let container = CONTAINER.into_iter().find(|name| is_set(name));
    let read = [CONTAINER[0], CONTAINER_TOKEN_FILE];
    if let Some(beside) = container
        && let Some(name) = read.into_iter().find(|name| is_blank(name) == Some(true))
    {
        return Err(Unfit::Blank { name, beside });
    }
    Ok(Named { web_identity: is_set(WEB_IDENTITY_TOKEN_FILE), container: container.is_some() })
}

fn is_address(text: &str) -> bool {
    let is_http = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    text.trim() == text && Url::parse(text).ok().as_ref().is_some_and(is_http)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[track_caller]
    fn assert_region(variables: &[(&str, &[u8])], expected: Result<Region, &str>) {
        let variables =
            variables.iter().map(|(name, value)| (name.into(), OsStr::from_bytes(value).to_owned()));
        assert_eq!(check(variables).map_err(|fault| fault.to_string()), expected.map_err(str::to_owned));
    }

    #[test]
    fn the_region_is_trimmed_and_has_to_be_one() {
        let named = |region: &str| Ok(Region::Named(region.to_owned()));
        assert_region(&[], Ok(Region::Unset));
        assert_region(&[("AWS_REGION", b"")], Ok(Region::Empty));
        assert_region(&[("AWS_DEFAULT_REGION", b"us-east-1\n"), ("AWS_REGION", b" ")], named("us-east-1"));
        assert_region(
            &[("AWS_DEFAULT_REGION", b"us-east-1"), ("AWS_REGION", b" eu-west-1")],
            named("eu-west-1"),
        );
        for value in [&b"::"[..], b"us-east-1/", b"a b"] {
            let text = str::from_utf8(value).unwrap();
            let expected = format!(
                "the environment variable `AWS_REGION` holds `{text}`, which is not the name of a region, such as `eu-central-1`"
            );
            assert_region(&[("AWS_REGION", value)], Err(&expected));
        }
    }

    #[test]
    fn a_variable_that_is_not_utf8_is_not_unset() {
        let expected = "the environment variable `AWS_ACCESS_KEY_ID` is set but is not UTF-8";
        assert_region(&[("AWS_ACCESS_KEY_ID", b"\xff")], Err(expected));
        assert_region(&[("OTHER", b"\xff")], Ok(Region::Unset));
    }

    #[test]
    fn an_endpoint_is_an_address() {
        assert_region(
            &[("AWS_ENDPOINT_URL", b"http://127.0.0.1:4566"), ("AWS_ENDPOINT_URL_ECR", b"")],
            Ok(Region::Unset),
        );
        for value in [&b"127.0.0.1:4566"[..], b"http://127.0.0.1:4566\n", b"localhost:1", b"ftp://x"] {
            let expected = "the environment variable `AWS_ENDPOINT_URL_ECR` is not an address such as `https://HOST`, without white space around it";
            assert_region(&[("AWS_ENDPOINT_URL_ECR", value)], Err(expected));
        }
    }

    #[test]
    fn half_of_a_login_and_half_of_a_place_are_refused_by_name() {
        let find = |variables: &[(&str, &str)]| {
            let named = named(|name| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
            });
            named.map_err(|fault| fault.to_string())
        };
        let half = |set: &str, missing: &str| {
            let text = "set both, or none of them";
            Err(format!("the environment variable `{set}` is set and `{missing}` is not: {text}"))
        };
        let (key, secret) = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY");
        assert_eq!(find(&[(key, "AKIA")]), half(key, secret));
        assert_eq!(find(&[(key, "AKIA"), (secret, " ")]), half(key, secret));
        assert_eq!(find(&[(key, ""), (secret, "s")]), half(secret, key));
        let of = |web_identity, container| Ok(Named { web_identity, container });
        assert_eq!(find(&[(key, "AKIA"), ("SECRET_ACCESS_KEY", "s")]), of(false, false));
        assert_eq!(find(&[(key, ""), (secret, "")]), of(false, false));
        assert_eq!(find(&[("AWS_WEB_IDENTITY_TOKEN_FILE", "")]), of(false, false));
        assert_eq!(find(&[("AWS_WEB_IDENTITY_TOKEN_FILE", "/token")]), of(true, false));
        let [relative, full] = CONTAINER;
        assert_eq!(find(&[(relative, ""), (full, ""), (CONTAINER_TOKEN_FILE, "")]), of(false, false));
        assert_eq!(find(&[(relative, "/v2"), (full, "")]), of(false, true));
        for name in [relative, CONTAINER_TOKEN_FILE] {
            let text = format!("the environment variable `{name}` is empty beside `{full}`: take it away");
            assert_eq!(find(&[(name, ""), (full, "http://127.0.0.1/")]), Err(text));
        }
    }

    #[test]
    fn a_switch_is_on_or_off() {
        assert_region(
            &[("AWS_USE_FIPS_ENDPOINT", b"TRUE"), ("AWS_USE_DUALSTACK_ENDPOINT", b"")],
            Ok(Region::Unset),
        );
        for value in [&b"yes"[..], b"1", b"true ", b"\"true\""] {
            let expected = "the environment variable `AWS_USE_FIPS_ENDPOINT` has to be `true` or `false`, without white space around it";
            assert_region(&[("AWS_USE_FIPS_ENDPOINT", value)], Err(expected));
        }
    }
}
