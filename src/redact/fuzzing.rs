//! What holds for whatever was sent and comes back: the property that a target in `fuzz/` checks.
#![expect(clippy::missing_panics_doc, reason = "to panic is how a property says that it does not hold")]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::redact::Secrets;
use crate::redact::text::{FRAGMENT, REDACTED, visible_bytes};

/// The first byte chooses how the secret, which is the first line, is written into the text behind it. It is not shown, and
/// where the text is another one, all of it is.
pub fn redact(data: &[u8]) {
    let Some((&way, data)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(data);
    let Some((secret, text)) = text.split_once('\n') else { return };
    let is_strange = |c: char| c == '…' || !c.is_ascii() && visible_bytes(&c.to_string()).is_empty();
    if secret.contains(is_strange) {
        return;
    }
    let bytes = visible_bytes(secret);
    let mut secrets = Secrets::default();
    secrets.add(secret);

    let shown = secrets.redact(text);
    let is_there = |text: &str| {
        let text = visible_bytes(text);
        bytes.len() >= FRAGMENT && text.windows(bytes.len()).any(|window| window == &*bytes)
    };
    assert!(!is_there(&shown), "{shown:?}");
    assert!(shown == text || shown.contains(REDACTED), "{shown:?}");

    if bytes.len() < FRAGMENT {
        return;
    }
    let written = match way % 6 {
        0 => secret.to_owned(),
        1 => secret.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat(),
        2 => secret.chars().map(|c| format!("&#{};", u32::from(c))).collect::<Vec<_>>().concat(),
        3 => STANDARD.encode(format!("{text}:{secret}")),
        4 => URL_SAFE_NO_PAD.encode(secret),
        _ => secret.chars().map(|c| format!("{c}\r\n")).collect::<Vec<_>>().concat(),
    };
    let shown = secrets.redact(&format!("[{written}]"));
    assert!(shown.contains(REDACTED) && !shown.contains(&written), "{written:?}: {shown:?}");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_property_holds_for_the_seeds() {
        let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/redact");
        let seeds: Vec<_> = std::fs::read_dir(seeds).unwrap().collect();
        assert!(!seeds.is_empty());
        for seed in seeds {
            redact(&std::fs::read(seed.unwrap().path()).unwrap());
        }
    }

    proptest! {
        #[test]
        fn no_secret_is_shown(way in any::<u8>(), secret in "[!-~]{12,40}", text in ".{0,60}") {
            redact(format!("{}{secret}\n{text}", char::from(way % 6)).as_bytes());
        }
    }
}
