//! Credentials as the AWS SDK can take them: white space around them is dropped, and what cannot be sent is refused by the
//! name of where it comes from.
//!
//! The SDK puts access key and session token into headers as they are, and panics where a header cannot hold them.

use aws_credential_types::Credentials;
use aws_credential_types::credential_feature::AwsCredentialFeature;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};

use crate::process::PATIENCE;

/// Which characters a part of credentials may have.
type Fit = fn(char) -> bool;

/// The parts of credentials by their names in AWS' files.
pub(super) const KEYS: [(&str, Fit); 3] =
    [("aws_access_key_id", is_sent), ("aws_secret_access_key", is_hashed), ("aws_session_token", is_sent)];

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
    #[error("the environment variable `{0}` has to be `true` or `false`, without white space around it")]
    Switch(&'static str),
    #[error("{0}")]
    Bundle(String),
    #[error("the environment variable `{set}` is set and `{missing}` is not: set both, or none of them")]
    Half { set: &'static str, missing: &'static str },
    #[error("the environment variable `{name}` is empty beside `{beside}`: take it away")]
    Blank { name: &'static str, beside: &'static str },
    #[error(
        "the profile `{0}` in AWS' files has a `login_session`, which is not supported: name a profile whose \
         `credential_process` is `aws configure export-credentials --profile {0} --format process`"
    )]
    LoginSession(String),
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
    use super::*;

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
