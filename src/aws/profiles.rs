//! The profiles in AWS' files: which one counts, where its credentials come from, and whether those keys can be sent that
//! only the SDK sees: a profile with a role names another one as its source.

use std::borrow::Cow;
use std::collections::HashSet;

use aws_config::profile;
use aws_config::profile::region::ProfileFileRegionProvider;
use aws_config::profile::{Profile, ProfileSet};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::{Env, Fs};

use crate::aws::credentials::{KEYS, Unfit, unfit};

/// Names the profile that counts.
const VARIABLE: &str = "AWS_PROFILE";
const FILES: &str = "the profile in AWS' files";

/// A profile with one of these logs in by SSO.
const SSO: [&str; 2] = ["sso_session", "sso_start_url"];

/// The profile that counts where the variable is empty, which the SDK takes for a name.
pub(super) fn instead() -> Option<&'static str> {
    std::env::var_os(VARIABLE).is_some_and(|name| name.is_empty()).then_some("default")
}

/// The region of the profile that counts.
pub(super) fn region() -> ProfileFileRegionProvider {
    let region = ProfileFileRegionProvider::builder();
    match instead() {
        Some(name) => region.profile_name(name).build(),
        None => region.build(),
    }
}

/// The profiles of AWS' files; none where these cannot be read, which the SDK then says.
pub(super) async fn load() -> Option<ProfileSet> {
    let counts = instead().map(Cow::Borrowed);
    profile::load(&Fs::real(), &Env::real(), &EnvConfigFiles::default(), counts).await.ok()
}

/// Where the credentials of the profile come from, for people, and why they cannot: a profile that the environment names and
/// is not there, a login that the SDK is not made for, and keys that cannot be sent in the profiles that the SDK would take a
/// role with. It does so within itself, and panics at them.
pub(super) async fn check() -> (String, Option<Unfit>) {
    let Some(profiles) = load().await else { return (FILES.to_owned(), None) };
    let named = std::env::var(VARIABLE).ok().filter(|name| !name.is_empty());
    let fault = check_named(named.as_deref(), &profiles).and_then(|()| check_sources(&profiles)).err();
    (origin(&profiles), fault)
}

/// The profiles on the way to credentials, that which counts first, each with its name.
pub(super) fn way<'a>(profiles: &'a ProfileSet) -> impl Iterator<Item = (&'a str, &'a Profile)> {
    let named = move |name: &'a str| Some((name, profiles.get_profile(name)?));
    let mut seen = HashSet::new();
    let all = std::iter::successors(named(profiles.selected_profile()), move |&(_, profile)| {
        named(profile.get("source_profile")?)
    });
    all.take_while(move |(name, _)| seen.insert(*name))
}

fn origin(profiles: &ProfileSet) -> String {
    let sso = way(profiles).find(|(_, profile)| SSO.iter().any(|key| profile.get(key).is_some()));
    sso.map_or_else(
        || FILES.to_owned(),
        |(name, _)| {
            let name = name.escape_debug();
            format!(
                "SSO for the profile `{name}` (where that login has ended: `aws sso login --profile {name}`)"
            )
        },
    )
}

/// The SDK says of a profile that is not there what it says where nobody has any credentials.
fn check_named(name: Option<&str>, profiles: &ProfileSet) -> Result<(), Unfit> {
    const NAMED_MAX: usize = 20;
    let Some(name) = name.filter(|name| profiles.get_profile(name).is_none()) else { return Ok(()) };
    let escaped = |name: &str| name.escape_debug().to_string();
    let mut known: Vec<String> = profiles.profiles().map(escaped).collect();
    known.sort_unstable();
    known.truncate(NAMED_MAX);
    Err(Unfit::Profile { name: escaped(name), known })
}

fn check_sources(profiles: &ProfileSet) -> Result<(), Unfit> {
    for (place, (name, profile)) in way(profiles).enumerate() {
        let name = || name.escape_debug().to_string();
        if profile.get("login_session").is_some() && profile.get("source_profile").is_none() {
            return Err(Unfit::LoginSession(name()));
        }
        // The SDK shows us the keys of the first one.
        for (key, is_fit) in KEYS.into_iter().filter(|_| place > 0) {
            let character = profile.get(key).and_then(|value| unfit(value, is_fit));
            if let Some(character) = character {
                let origin = format!("the profile `{}` in AWS' files", name());
                return Err(Unfit::Character { what: key, origin, character });
            }
        }
    }
    Ok(())
}
