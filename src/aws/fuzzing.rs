//! What holds for whatever a program prints that is asked for credentials. See [`crate::oci::fuzzing`].
#![expect(clippy::missing_panics_doc, reason = "to panic is how a property says that it does not hold")]

use jiff::Timestamp;
use serde_json::Value;

use crate::aws::credential_process::read;
use crate::oci::fuzzing::check_message;

/// The output of `credential_process`: what is wrong with it is said without what is in it.
pub fn credential_process(data: &[u8]) {
    let Err(why) = read(data, Timestamp::UNIX_EPOCH) else { return };
    check_message(&why);
    let printed = serde_json::from_slice::<Value>(data).unwrap_or_default();
    for secret in ["SecretAccessKey", "SessionToken"] {
        // A short one would be found by chance.
        let secret = printed[secret].as_str().filter(|secret| secret.len() > 8);
        let elsewhere = ["Version", "Expiration"].map(|name| printed[name].to_string());
        let is_secret = |secret: &&str| !elsewhere.iter().any(|text| text.contains(secret));
        assert!(secret.filter(is_secret).is_none_or(|secret| !why.contains(secret)), "{why}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::fuzzing::check_seeds;

    #[test]
    fn the_properties_hold_for_the_seeds() {
        check_seeds("credential_process", credential_process);
    }
}
