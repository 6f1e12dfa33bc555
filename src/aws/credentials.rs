//! Credentials and variables as the AWS SDK can take them: white space around them is dropped, and what cannot be sent is
//! refused by the name of where it comes from.
//!
//! The SDK puts access key and session token into headers as they are, and panics where a header cannot hold them.

use std::ffi::OsString;

use aws_credential_types::Credentials;
use aws_credential_types::credential_feature::AwsCredentialFeature;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use url::Url;

use crate::process::PATIENCE;

/// Which characters a part of credentials may have.
type Fit = fn(char) -> bool;

/// The parts of credentials by their names in AWS' files.
pub(super) const KEYS: [(&str, Fit); 3] =
    [("aws_access_key_id", is_sent), ("aws_secret_access_key", is_hashed), ("aws_session_token", is_sent)];

/// Where the SDK looks for the region, in this order.
const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];
/// How names of variables with the address of an API start.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";
/// Longer names of variables are none of the SDK's.
const PREFIX: &str = "AWS_";

/// What cannot be used. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    #[error("the environment variable `{0}` is set but is not UTF-8")]
    NotUtf8(String),
    #[error("the environment variable `{name}` holds `{}`, which is not the name of a region, such as `eu-central-1`", value.escape_debug())]
    Region { name: &'static str, value: String },
    #[error(
        "the environment variable `{0}` is not an address such as `https://HOST`, without white space around it"
    )]
    Endpoint(String),
    #[error(
        "AWS' files have no profile `{name}`, which the environment variable `AWS_PROFILE` names; {}",
        there_are(known)
    )]
    Profile { name: String, known: Vec<String> },
    #[error("`{what}` of {origin} is empty")]
    Empty { what: &'static str, origin: String },
    #[error("`{what}` of {origin} has {} inside, which cannot be sent: write that value alone", name(*character))]
    Character { what: &'static str, origin: String, character: char },
}

/// A source of credentials, by its name, did not answer in time.
#[derive(Debug, thiserror::Error)]
#[error("no AWS credentials within {seconds} seconds from {0}", seconds = PATIENCE.as_secs())]
pub(super) struct Late(pub(super) String);

fn there_are(profiles: &[String]) -> String {
    if profiles.is_empty() {
        "there are none".to_owned()
    } else {
        format!("there are: {}", profiles.join(", "))
    }
}

fn name(character: char) -> String {
    match character {
        '\n' | '\r' => "a line break".to_owned(),
        ' ' => "a blank".to_owned(),
        other => format!("the character U+{:04X}", u32::from(other)),
    }
}

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
pub(super) fn check_variables(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Region, Unfit> {
    let mut found = [None, None];
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        let value = value.to_str().ok_or_else(|| Unfit::NotUtf8(name.to_owned()))?;
        if name.starts_with(ENDPOINT) && !value.is_empty() && !is_address(value) {
            return Err(Unfit::Endpoint(name.to_owned()));
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

fn is_address(text: &str) -> bool {
    let is_http = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    text.trim() == text && Url::parse(text).ok().as_ref().is_some_and(is_http)
}

/// Gives what another provider gives, fit to be sent.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) inner: SharedCredentialsProvider,
    /// Why no request can be made.
    pub(super) fault: Option<Unfit>,
}

impl ProvideCredentials for Checked {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            if let Some(fault) = &self.fault {
                return Err(CredentialsError::invalid_configuration(fault.clone()));
            }
            clean(self.inner.provide_credentials().await?).map_err(CredentialsError::invalid_configuration)
        })
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.inner.fallback_on_interrupt().and_then(|credentials| clean(credentials).ok())
    }
}

/// Where credentials come from, and what their parts are called there.
struct Names {
    origin: String,
    key: &'static str,
    secret: &'static str,
    token: &'static str,
}

impl Names {
    fn of(credentials: &Credentials) -> Self {
        use AwsCredentialFeature as Feature;
        let features = credentials.get_property::<Vec<Feature>>().map_or(&[][..], Vec::as_slice);
        let has = |sought: &[Feature]| features.iter().any(|feature| sought.contains(feature));
        let json = |origin: &str| Self {
            origin: origin.to_owned(),
            key: "AccessKeyId",
            secret: "SecretAccessKey",
            token: "SessionToken",
        };
        if has(&[Feature::CredentialsProcess, Feature::CredentialsProfileProcess]) {
            return json("the output of `credential_process`");
        }
        if has(&[Feature::CredentialsHttp]) {
            return json("the container's credentials endpoint");
        }
        if has(&[Feature::CredentialsImds]) {
            return json("instance metadata");
        }
        if has(&[Feature::CredentialsEnvVars]) {
            return Self {
                origin: "the environment".to_owned(),
                key: "AWS_ACCESS_KEY_ID",
                secret: "AWS_SECRET_ACCESS_KEY",
                token: "AWS_SESSION_TOKEN",
            };
        }
        if has(&[Feature::CredentialsProfile]) {
            return Self {
                origin: "the profile in AWS' files".to_owned(),
                key: KEYS[0].0,
                secret: KEYS[1].0,
                token: KEYS[2].0,
            };
        }
        json("the AWS credentials")
    }
}

/// The credentials without white space around their parts, where these can be sent then.
fn clean(credentials: Credentials) -> Result<Credentials, Unfit> {
    let names = Names::of(&credentials);
    let part = |what, text: &str, is_fit: Fit| {
        let text = trim(text);
        let origin = || names.origin.clone();
        match unfit(text, is_fit) {
            Some(character) => Err(Unfit::Character { what, origin: origin(), character }),
            None if text.is_empty() => Err(Unfit::Empty { what, origin: origin() }),
            None => Ok(text.to_owned()),
        }
    };
    let key = part(names.key, credentials.access_key_id(), is_sent)?;
    let secret = part(names.secret, credentials.secret_access_key(), is_hashed)?;
    let token = credentials.session_token().filter(|token| !trim(token).is_empty());
    let token = token.map(|token| part(names.token, token, is_sent)).transpose()?;
    let is_clean = key == credentials.access_key_id()
        && secret == credentials.secret_access_key()
        && token.as_deref() == credentials.session_token();
    if is_clean {
        // With all that the SDK knows of them.
        return Ok(credentials);
    }
    let mut cleaned =
        Credentials::builder().access_key_id(key).secret_access_key(secret).provider_name("tagferry");
    cleaned.set_session_token(token);
    cleaned.set_account_id(credentials.account_id().cloned());
    cleaned.set_expiry(credentials.expiry());
    Ok(cleaned.build())
}

/// The first character of a part that it may not have.
pub(super) fn unfit(text: &str, is_fit: Fit) -> Option<char> {
    text.chars().find(|&character| !is_fit(character))
}

fn is_sent(character: char) -> bool {
    character.is_ascii_graphic()
}

/// The secret is hashed and never sent.
fn is_hashed(character: char) -> bool {
    !character.is_control()
}

/// Without white space and byte order marks around it.
fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[track_caller]
    fn check(variables: &[(&str, &[u8])], expected: Result<Region, &str>) {
        let variables =
            variables.iter().map(|(name, value)| (name.into(), OsStr::from_bytes(value).to_owned()));
        assert_eq!(
            check_variables(variables).map_err(|fault| fault.to_string()),
            expected.map_err(str::to_owned)
        );
    }

    #[test]
    fn the_region_is_trimmed_and_has_to_be_one() {
        let named = |region: &str| Ok(Region::Named(region.to_owned()));
        check(&[], Ok(Region::Unset));
        check(&[("AWS_REGION", b"")], Ok(Region::Empty));
        check(&[("AWS_DEFAULT_REGION", b"us-east-1\n"), ("AWS_REGION", b" ")], named("us-east-1"));
        check(&[("AWS_DEFAULT_REGION", b"us-east-1"), ("AWS_REGION", b" eu-west-1")], named("eu-west-1"));
        for value in [&b"::"[..], b"us-east-1/", b"a b"] {
            let text = str::from_utf8(value).unwrap();
            let expected = format!(
                "the environment variable `AWS_REGION` holds `{text}`, which is not the name of a region, such as `eu-central-1`"
            );
            check(&[("AWS_REGION", value)], Err(&expected));
        }
    }

    #[test]
    fn a_variable_that_is_not_utf8_is_not_unset() {
        let expected = "the environment variable `AWS_ACCESS_KEY_ID` is set but is not UTF-8";
        check(&[("AWS_ACCESS_KEY_ID", b"\xff")], Err(expected));
        check(&[("OTHER", b"\xff")], Ok(Region::Unset));
    }

    #[test]
    fn an_endpoint_is_an_address() {
        check(
            &[("AWS_ENDPOINT_URL", b"http://127.0.0.1:4566"), ("AWS_ENDPOINT_URL_ECR", b"")],
            Ok(Region::Unset),
        );
        for value in [&b"127.0.0.1:4566"[..], b"http://127.0.0.1:4566\n", b"localhost:1", b"ftp://x"] {
            let expected = "the environment variable `AWS_ENDPOINT_URL_ECR` is not an address such as `https://HOST`, without white space around it";
            check(&[("AWS_ENDPOINT_URL_ECR", value)], Err(expected));
        }
    }

    fn cleaned(
        key: &str,
        secret: &str,
        token: Option<&str>,
        feature: AwsCredentialFeature,
    ) -> Result<String, String> {
        let mut credentials = Credentials::new(key, secret, token.map(str::to_owned), None, "test");
        credentials.set_property(vec![feature]);
        match clean(credentials) {
            Ok(credentials) => {
                let token = credentials.session_token().unwrap_or("none");
                Ok(format!("{} {} {token}", credentials.access_key_id(), credentials.secret_access_key()))
            }
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn white_space_around_is_no_part_of_credentials() {
        use AwsCredentialFeature::CredentialsEnvVars;
        let clean = |key, secret, token| cleaned(key, secret, token, CredentialsEnvVars).unwrap();
        assert_eq!(clean("AKIA\n", "s\r\n", Some(" T\r")), "AKIA s T");
        assert_eq!(clean("\u{feff}AKIA\u{a0}", "s /+=", Some("")), "AKIA s /+= none");
        assert_eq!(clean("AKIA", "s", None), "AKIA s none");
    }

    #[test]
    fn what_cannot_be_sent_is_refused_by_its_name_and_not_shown() {
        use AwsCredentialFeature as Feature;
        for (key, secret, token, feature, expected) in [
            (
                "AKIA\nAWS_SECRET_ACCESS_KEY=x",
                "s",
                None,
                Feature::CredentialsEnvVars,
                "`AWS_ACCESS_KEY_ID` of the environment has a line break inside, which cannot be sent: write that value alone",
            ),
            (
                "\u{200b}AKIA",
                "s",
                None,
                Feature::CredentialsEnvVars,
                "`AWS_ACCESS_KEY_ID` of the environment has the character U+200B inside, which cannot be sent: write that value alone",
            ),
            (
                "AKIA",
                "hun\nter2",
                None,
                Feature::CredentialsEnvVars,
                "`AWS_SECRET_ACCESS_KEY` of the environment has a line break inside, which cannot be sent: write that value alone",
            ),
            (
                "AKIA",
                "s",
                Some("T\nT"),
                Feature::CredentialsProcess,
                "`SessionToken` of the output of `credential_process` has a line break inside, which cannot be sent: write that value alone",
            ),
            (
                "AKIA–1",
                "s",
                None,
                Feature::CredentialsProfile,
                "`aws_access_key_id` of the profile in AWS' files has the character U+2013 inside, which cannot be sent: write that value alone",
            ),
            (
                "A A",
                "s",
                None,
                Feature::CredentialsHttp,
                "`AccessKeyId` of the container's credentials endpoint has a blank inside, which cannot be sent: write that value alone",
            ),
            (" ", "s", None, Feature::CredentialsImds, "`AccessKeyId` of instance metadata is empty"),
        ] {
            assert_eq!(cleaned(key, secret, token, feature), Err(expected.to_owned()));
        }
    }
}
