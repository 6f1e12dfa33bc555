//! What holds for whatever is written as a configuration. See [`crate::oci::fuzzing`].

use crate::config::{Config, Faults};

/// The secret; texts that hold it by themselves prove nothing.
const SECRET: &str = "hunter2";
/// Stands for the secret in the inputs of [`secrets`].
const PLACE: char = '§';
/// What comes before the inputs of [`secrets`].
const BEFORE: &str = "\
mirrors:
  - source: container-registry.oracle.com/java/jdk
    target: registry.test/oracle/jdk
    tags: [{match: x}]
registries:
  a.b:
    credentials:
";

/// `Config`: each fault is one line and has its place in the text, and shows nothing of what variables hold.
pub fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    check_faults(&text, Config::parse("f", &text, &|_| None).err());
    let faults = Config::parse("f", &text, &|_| Some(SECRET.into())).err();
    if !text.contains(SECRET) {
        check_hidden(&text, faults.as_ref());
    }
    check_faults(&text, faults);
}

/// `credentials`: no fault shows anything of a password, however wrongly it is written.
pub fn secrets(data: &[u8]) {
    let text = String::from_utf8_lossy(data).replace('\r', "\n");
    if text.contains(SECRET) {
        return;
    }
    for secret in [SECRET, "${S}"] {
        let mut document = BEFORE.to_owned();
        for line in text.split('\n') {
            document.extend(["      ", &line.replace(PLACE, secret), "\n"]);
        }
        let faults = Config::parse("f", &document, &|_| Some(SECRET.into())).err();
        check_hidden(&document, faults.as_ref());
        check_faults(&document, faults);
    }
}

fn check_hidden(text: &str, faults: Option<&Faults>) {
    if let Some(faults) = faults {
        assert!(!format!("{faults} {faults:?}").contains(SECRET), "{text}\n{faults}");
    }
}

fn check_faults(text: &str, faults: Option<Faults>) {
    let Some(faults) = faults else { return };
    assert!(faults.iter().count() > 0);
    let lines = text.split(['\n', '\r']).count() + 1;
    for fault in faults.iter() {
        assert!(!fault.to_string().contains(char::is_control), "{fault:?}");
        let position = fault.position;
        assert!((1..=lines).contains(&position.line) && position.column >= 1, "{fault}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::fuzzing::check_seeds;

    #[test]
    fn the_properties_hold_for_the_seeds() {
        check_seeds("config", config);
        config(include_bytes!("../../config/example.yaml"));
        check_seeds("secrets", secrets);
    }
}
