//! Credentials that a program prints, as the `credential_process` of a profile says.
//!
//! The SDK runs such a program without an end, leaves it running, and panics at keys that cannot be sent. So roles that are
//! taken with such credentials are taken here, too.

use std::fmt;
use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_config::profile::{Profile, ProfileSet};
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::Credentials;
use aws_credential_types::credential_feature::AwsCredentialFeature;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::process::Command;

use crate::aws::chain::Bounded;
use crate::aws::config::APP_NAME;
use crate::aws::credentials::{Checked, KEYS, Late};
use crate::aws::profiles;
use crate::process;
use crate::text::excerpt;

/// With one of these, a profile's credentials come from elsewhere.
const ELSEWHERE: [&str; 9] = [
    "role_arn",
    "credential_source",
    "web_identity_token_file",
    "login_session",
    "sso_session",
    "sso_start_url",
    "sso_region",
    "sso_account_id",
    "sso_role_name",
];

/// The program of a profile.
#[derive(Debug)]
pub(super) struct CredentialProcess {
    command: String,
    profile: String,
}

/// Why it gave no credentials. Never holds what it printed on standard output.
#[derive(Debug, thiserror::Error)]
#[error("{origin}: {why}")]
struct Failed {
    origin: String,
    why: String,
}

/// A role that a profile takes.
#[derive(Debug, PartialEq, Eq)]
struct Role {
    arn: String,
    external_id: Option<String>,
    session: Option<String>,
}

/// The provider of the profile that counts, where its credentials come from a program, be it by way of roles. `config` is
/// for calls of STS.
pub(super) async fn of_profile(config: &SdkConfig) -> Option<SharedCredentialsProvider> {
    let profiles = profiles::load().await?;
    let (process, roles) = way(&profiles)?;
    let mut provider = shared(SharedCredentialsProvider::new(process));
    for role in roles.into_iter().rev() {
        let origin = format!("STS, which is asked for the role {} of a profile", role.arn);
        let role = role.provider(config, provider).await;
        provider = shared(SharedCredentialsProvider::new(Bounded::new(role, origin)));
    }
    Some(provider)
}

fn shared(inner: SharedCredentialsProvider) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Checked { inner, fault: None })
}

/// The program behind the profile that counts, and the roles on the way to it, that of the profile itself first. None where
/// the SDK would not come to a program.
fn way(profiles: &ProfileSet) -> Option<(CredentialProcess, Vec<Role>)> {
    let mut roles = Vec::new();
    for (name, profile) in profiles::way(profiles) {
        let has_keys = KEYS[..2].iter().all(|(key, _)| profile.get(key).is_some());
        if has_keys && !roles.is_empty() {
            return None;
        }
        if let Some(command) = command(profile) {
            let process = CredentialProcess { command: command.to_owned(), profile: name.to_owned() };
            return Some((process, roles));
        }
        roles.push(Role::of(profile)?);
    }
    None
}

fn command(profile: &Profile) -> Option<&str> {
    let command = profile.get("credential_process")?;
    ELSEWHERE.iter().all(|key| profile.get(key).is_none()).then_some(command)
}

impl Role {
    fn of(profile: &Profile) -> Option<Self> {
        let is_elsewhere =
            ["credential_source", "web_identity_token_file"].iter().any(|key| profile.get(key).is_some());
        let text = |key| profile.get(key).map(str::to_owned);
        let arn = text("role_arn").filter(|_| !is_elsewhere)?;
        Some(Self { arn, external_id: text("external_id"), session: text("role_session_name") })
    }

    async fn provider(self, config: &SdkConfig, caller: SharedCredentialsProvider) -> AssumeRoleProvider {
        let session = self.session.unwrap_or_else(|| APP_NAME.to_owned());
        let role = AssumeRoleProvider::builder(self.arn).session_name(session).configure(config);
        let role = match self.external_id {
            Some(id) => role.external_id(id),
            None => role,
        };
        role.build_from_provider(caller).await
    }
}

impl CredentialProcess {
    async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let mut command = Command::new("sh");
        command.args(["-c", &self.command]);
        let why = match process::run(command, b"").await {
            Ok(output) if output.status.success() => match read(&output.stdout, Timestamp::now()) {
                Ok(credentials) => return Ok(credentials),
                Err(why) => why,
            },
            Ok(output) => format!("it failed: {}", output.complaint()),
            Err(process::Error::Run(error)) => format!("it cannot be run: {error}"),
            Err(process::Error::Late) => {
                return Err(CredentialsError::provider_error(Late(format!("{self}: it was killed"))));
            }
        };
        Err(CredentialsError::provider_error(Failed { origin: self.to_string(), why }))
    }
}

impl fmt::Display for CredentialProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is behind the program's name may be a secret.
        let program = self.command.split_whitespace().next().unwrap_or_default();
        write!(f, "`credential_process` of the profile `{}` in AWS' files (`{program}`)", self.profile)
    }
}

impl ProvideCredentials for CredentialProcess {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

/// The credentials that a program printed. Names are read in any case, and what is not needed may be null.
pub(super) fn read(stdout: &[u8], now: Timestamp) -> Result<Credentials, String> {
    let printed = process::objects(stdout);
    let is_meant = |object: &&Map<String, Value>| {
        object.keys().any(|key| ["Version", "AccessKeyId"].iter().any(|name| key.eq_ignore_ascii_case(name)))
    };
    let Some(printed) = printed.iter().find(is_meant).or(printed.first()) else {
        return Err("it printed no JSON object".to_owned());
    };
    let value = |name: &str| {
        let found = printed.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value).filter(|value| !value.is_null())
    };
    let text = |name: &str| match value(name) {
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("`{name}` in what it printed is no text")),
        None => Ok(None),
    };
    let needed = |name: &str| text(name)?.ok_or_else(|| format!("there is no `{name}` in what it printed"));
    match value("Version") {
        Some(version) if version.as_u64() == Some(1) => {}
        Some(version) => {
            let version = excerpt(&version.to_string());
            return Err(format!("it printed version {version}, and only version 1 is known"));
        }
        None => return Err("there is no `Version` in what it printed; it has to be 1".to_owned()),
    }
    let expiry = match text("Expiration")? {
        None => None,
        Some(text) => {
            let time: Timestamp = text.parse().map_err(|_| {
                "`Expiration` in what it printed is no time such as 2026-01-02T03:04:05Z".to_owned()
            })?;
            if time <= now {
                return Err(format!("the credentials that it printed expired at {time}"));
            }
            Some(SystemTime::from(time))
        }
    };
    let mut credentials = Credentials::builder()
        .access_key_id(needed("AccessKeyId")?)
        .secret_access_key(needed("SecretAccessKey")?)
        .provider_name("CredentialProcess");
    credentials.set_session_token(text("SessionToken")?);
    credentials.set_account_id(text("AccountId")?.map(Into::into));
    credentials.set_expiry(expiry);
    let mut credentials = credentials.build();
    let features = credentials.get_property_mut_or_default::<Vec<AwsCredentialFeature>>();
    features.push(AwsCredentialFeature::CredentialsProcess);
    Ok(credentials)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(printed: &str, expected: Result<&str, &str>) {
        let got = read(printed.as_bytes(), "2026-11-24T00:00:00Z".parse().unwrap()).map(|credentials| {
            let expiry = credentials.expiry().map(|time| Timestamp::try_from(time).unwrap().to_string());
            let token = credentials.session_token().unwrap_or("none");
            format!("{} {token} {}", credentials.access_key_id(), expiry.unwrap_or("none".to_owned()))
        });
        let expected = expected.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(got, expected, "{printed}");
    }

    fn with(more: &str) -> String {
        format!(r#"{{"Version":1,"AccessKeyId":"AKIA","SecretAccessKey":"hunter2"{more}}}"#)
    }

    #[test]
    fn what_programs_print_is_read_as_it_comes() {
        check(&with(""), Ok("AKIA none none"));
        check(&with(r#","SessionToken":null,"Expiration":null"#), Ok("AKIA none none"));
        check(
            &with(r#","SessionToken":"T","Expiration":"2026-11-24T02:00:00+00:00""#),
            Ok("AKIA T 2026-11-24T02:00:00Z"),
        );
        check(&with(r#","Expiration":"2026-11-24T02:00:00.123Z""#), Ok("AKIA none 2026-11-24T02:00:00.123Z"));
        check(&format!("warning: old {{x}}\n{}\n", with("")), Ok("AKIA none none"));
        check(&format!("{{\"level\":\"warn\"}}\n{}\n{{}}", with("")), Ok("AKIA none none"));
        check(r#"{"version":1,"accessKeyId":"AKIA","secretaccesskey":"s"}"#, Ok("AKIA none none"));
    }

    #[test]
    fn what_cannot_be_used_is_told_and_not_shown() {
        for (printed, why) in [
            (String::new(), "it printed no JSON object"),
            ("hunter2".to_owned(), "it printed no JSON object"),
            ("{".to_owned(), "it printed no JSON object"),
            (
                r#"{"AccessKeyId":"AKIA"}"#.to_owned(),
                "there is no `Version` in what it printed; it has to be 1",
            ),
            (r#"{"Version":2}"#.to_owned(), "it printed version 2, and only version 1 is known"),
            (
                r#"{"Version":1,"AccessKeyId":"AKIA"}"#.to_owned(),
                "there is no `SecretAccessKey` in what it printed",
            ),
            (r#"{"Version":1,"AccessKeyId":7}"#.to_owned(), "`AccessKeyId` in what it printed is no text"),
            (
                with(r#","Expiration":"2026-11-23T00:00:00Z""#),
                "the credentials that it printed expired at 2026-11-23T00:00:00Z",
            ),
            (
                with(r#","Expiration":"tomorrow""#),
                "`Expiration` in what it printed is no time such as 2026-01-02T03:04:05Z",
            ),
        ] {
            check(&printed, Err(why));
        }
    }
}
