//! The profiles in AWS' files, and whether those keys can be sent that only the SDK sees: a profile with a role names another
//! one as its source.

use std::collections::HashSet;

use aws_config::profile;
use aws_config::profile::ProfileSet;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::{Env, Fs};

use crate::aws::credentials::{KEYS, Unfit, unfit};

/// Names the profile that counts.
const VARIABLE: &str = "AWS_PROFILE";

/// The profiles of AWS' files; none where these cannot be read, which the SDK then says.
pub(super) async fn load() -> Option<ProfileSet> {
    profile::load(&Fs::real(), &Env::real(), &EnvConfigFiles::default(), None).await.ok()
}

/// Finds a profile that the environment names and is not there, and keys that cannot be sent in the profiles that the SDK would take a role with. It does so within itself, and
/// panics at them.
pub(super) async fn check() -> Result<(), Unfit> {
    let Some(profiles) = load().await else { return Ok(()) };
    let named = std::env::var(VARIABLE).ok().filter(|name| !name.is_empty());
    check_named(named.as_deref(), &profiles)?;
    check_sources(&profiles)
}

/// The SDK says of a profile that is not there what it says where nobody has any credentials.
fn check_named(name: Option<&str>, profiles: &ProfileSet) -> Result<(), Unfit> {
    const NAMED_MAX: usize = 20;
    let Some(name) = name.filter(|name| profiles.get_profile(name).is_none()) else { return Ok(()) };
    let escaped = |name: &str| name.escape_debug().to_string();
    let known = profiles.profiles().take(NAMED_MAX).map(escaped).collect();
    Err(Unfit::Profile { name: escaped(name), known })
}

fn check_sources(profiles: &ProfileSet) -> Result<(), Unfit> {
    let mut seen = HashSet::new();
    let mut name = profiles.selected_profile();
    while seen.insert(name)
        && let Some(source) = profiles.get_profile(name).and_then(|profile| profile.get("source_profile"))
    {
        name = source;
        let Some(profile) = profiles.get_profile(name) else { break };
        for (key, is_fit) in KEYS {
            let character = profile.get(key).and_then(|value| unfit(value, is_fit));
            if let Some(character) = character {
                let origin = format!("the profile `{}` in AWS' files", name.escape_debug());
                return Err(Unfit::Character { what: key, origin, character });
            }
        }
    }
    Ok(())
}
