//! Finding secrets in a text in whatever way they are written there.
//!
//! A text is read in several layers: without white space, with its escapes undone (twice, as they are nested at times), and
//! as base64 from each of its four beginnings. Each letter of a layer knows which part of the text it came from. Short secrets
//! are looked for as a whole, long ones by each of their fragments.

use std::collections::HashMap;
use std::ops::Range;

use crate::text::is_hidden;

/// What stands in the place of a secret.
pub(super) const REDACTED: &str = "[…]";
/// Shorter secrets are in every text.
pub(super) const LEAST: usize = 4;
/// Shorter secrets are found as words alone: `docker` is a password, and a part of many words.
const WORD: usize = 8;
/// So many bytes of a longer secret tell something of it.
pub(super) const FRAGMENT: usize = 12;
/// A secret that is written in base64 makes at least so many letters there.
const BASE64_LEAST: usize = 6;
/// Stands between the parts of a layer. No text has it: it is no UTF-8.
const GAP: u8 = 0xff;

/// The text without any of these secrets, which are [visible bytes](visible_bytes).
pub(super) fn redact<'a>(text: &str, secrets: impl Iterator<Item = &'a [u8]>) -> String {
    let mut secrets = secrets.peekable();
    if text.len() < LEAST || secrets.peek().is_none() {
        return text.to_owned();
    }
    let mut layers: Vec<Index> = layers(text).into_iter().map(Index::new).collect();
    let mut found = Vec::new();
    for secret in secrets {
        for index in &mut layers {
            index.find(secret, &mut found);
        }
    }
    cover(text, found)
}

/// The bytes of a text but for white space, what else cannot be seen, and `=`: it fills up base64, and ends lines in mail.
pub(super) fn visible_bytes(text: &str) -> Box<[u8]> {
    text.chars().filter(|&c| is_seen(c)).collect::<String>().into_bytes().into()
}

fn is_seen(c: char) -> bool {
    !c.is_whitespace() && !is_hidden(c) && c != '='
}

/// One way to read a text.
#[derive(Default, PartialEq, Eq)]
struct Layer {
    bytes: Vec<u8>,
    /// For each byte, the part of the text that it is made of.
    parts: Vec<Range<u32>>,
}

fn layers(text: &str) -> Vec<Layer> {
    let mut layers = vec![Layer::new(text)];
    for _ in 0..2 {
        let Some(unescaped) = layers.last().and_then(Layer::unescaped) else { break };
        layers.push(unescaped);
    }
    let decoded: Vec<_> =
        layers.last().map_or_else(Vec::new, |plain| (0..4).map(|first| plain.decoded(first)).collect());
    layers.extend(decoded.into_iter().filter(|layer| !layer.bytes.is_empty()));
    layers
}

impl Layer {
    /// All that is seen of a text.
    fn new(text: &str) -> Self {
        let mut layer = Self::default();
        for (start, c) in text.char_indices() {
            layer.push(c, offset(start)..offset(start + c.len_utf8()));
        }
        layer
    }

    fn push(&mut self, c: char, part: Range<u32>) {
        if is_seen(c) {
            for &byte in c.encode_utf8(&mut [0; 4]).as_bytes() {
                self.push_byte(byte, part.clone());
            }
        }
    }

    fn push_byte(&mut self, byte: u8, part: Range<u32>) {
        if byte > b' ' && byte != 0x7f && byte != b'=' {
            self.bytes.push(byte);
            self.parts.push(part);
        }
    }

    /// The same with the escapes of addresses, HTML and JSON undone; none where there are none.
    fn unescaped(&self) -> Option<Self> {
        if !self.bytes.iter().any(|byte| b"%&\\".contains(byte)) {
            return None;
        }
        let mut layer = Self::default();
        let mut place = 0;
        while place < self.bytes.len() {
            let (length, meant) = escape(&self.bytes[place..]);
            let part = self.parts[place].start..self.parts[place + length - 1].end;
            match meant {
                Meant::Byte(byte) => layer.push_byte(byte, part),
                Meant::Letter(c) => layer.push(c, part),
            }
            place += length;
        }
        (layer.bytes != self.bytes).then_some(layer)
    }

    /// What is written in base64 in all runs of its letters, each read from this one of its first four.
    fn decoded(&self, first: usize) -> Self {
        let mut layer = Self::default();
        let mut rest = 0;
        for run in self.bytes.split(|&byte| sextet(byte).is_none()) {
            let start = rest + first;
            rest += run.len() + 1;
            let sextets: Vec<u8> = run.iter().skip(first).filter_map(|&byte| sextet(byte)).collect();
            if sextets.len() < BASE64_LEAST {
                continue;
            }
            for byte in 0..sextets.len() * 6 / 8 {
                let (one, other) = (byte * 8 / 6, (byte * 8 + 7) / 6);
                let bits = (u16::from(sextets[one]) << 6) | u16::from(sextets[other]);
                let value = (bits >> (4 - byte * 8 % 6)) & 0xff;
                let part = self.parts[start + one].start..self.parts[start + other].end;
                layer.push_byte(u8::try_from(value).unwrap_or(GAP), part);
            }
            layer.push_byte(GAP, 0..0);
        }
        layer
    }
}

enum Meant {
    Byte(u8),
    Letter(char),
}

/// What stands at the beginning of these bytes, and how many of them it is written with.
fn escape(bytes: &[u8]) -> (usize, Meant) {
    const ENTITIES: [(&[u8], u8); 7] = [
        (b"&amp;", b'&'),
        (b"&lt;", b'<'),
        (b"&gt;", b'>'),
        (b"&quot;", b'"'),
        (b"&apos;", b'\''),
        (b"\\/", b'/'),
        (b"\\\"", b'"'),
    ];
    let hex = |range: Range<usize>| {
        let digits = std::str::from_utf8(bytes.get(range)?).ok().filter(|text| !text.starts_with('+'))?;
        u32::from_str_radix(digits, 16).ok()
    };
    let byte = |number: u32| u8::try_from(number).ok();
    let found = match bytes {
        [b'%', ..] => hex(1..3).and_then(byte).map(|byte| (3, Meant::Byte(byte))),
        [b'\\', b'x', ..] => hex(2..4).and_then(byte).map(|byte| (4, Meant::Byte(byte))),
        [b'\\', b'u', ..] => hex(2..6).and_then(char::from_u32).map(|c| (6, Meant::Letter(c))),
        [b'\\', b'n' | b'r' | b't', ..] => Some((2, Meant::Letter(' '))),
        [b'\\', b'\\', ..] => Some((2, Meant::Byte(b'\\'))),
        [b'&', b'#', ..] => numbered(bytes),
        [b'&' | b'\\', ..] => {
            let entity = ENTITIES.iter().find(|(entity, _)| bytes.starts_with(entity));
            entity.map(|(entity, byte)| (entity.len(), Meant::Byte(*byte)))
        }
        _ => None,
    };
    found.unwrap_or((1, Meant::Byte(bytes[0])))
}

/// `&#39;` or `&#x27;`.
fn numbered(bytes: &[u8]) -> Option<(usize, Meant)> {
    const DIGITS_MAX: usize = 8;
    let end = bytes.iter().take(DIGITS_MAX + 3).position(|&byte| byte == b';')?;
    let text = std::str::from_utf8(&bytes[2..end]).ok()?;
    let number = match text.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    Some((end + 1, Meant::Letter(char::from_u32(number.ok()?)?)))
}

/// The six bits that a letter of base64 stands for, in either alphabet.
fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

/// Where each fragment stands in a layer.
struct Index {
    layer: Layer,
    /// The last place of each; each place names the one before, as the number after it.
    last: HashMap<[u8; FRAGMENT], u32>,
    before: Vec<u32>,
    /// Which two bytes any of them begins with: most secrets are in no text.
    begins: Vec<bool>,
}

impl Index {
    fn new(layer: Layer) -> Self {
        let mut index =
            Self { layer, last: HashMap::new(), before: Vec::new(), begins: vec![false; 1 << 16] };
        for (place, fragment) in (1..).zip(index.layer.bytes.array_windows::<FRAGMENT>()) {
            index.before.push(index.last.insert(*fragment, place).unwrap_or_default());
            index.begins[begin(fragment)] = true;
        }
        index
    }

    /// Finds the parts of the text that hold a secret, or fragments of a long one.
    fn find(&mut self, secret: &[u8], found: &mut Vec<Range<usize>>) {
        let Self { layer, last, before, begins } = self;
        if secret.len() < FRAGMENT {
            for place in 0..(layer.bytes.len() + 1).saturating_sub(secret.len()) {
                let letters = place..place + secret.len();
                let is_there = layer.bytes[letters.clone()] == *secret;
                if is_there && (secret.len() >= WORD || layer.is_word(&letters)) {
                    found.push(layer.part(letters));
                }
            }
            return;
        }
        for fragment in secret.array_windows::<FRAGMENT>() {
            if !begins[begin(fragment)] {
                continue;
            }
            // What is found is found once, however often a secret repeats itself.
            let mut place = last.remove(fragment).unwrap_or_default() as usize;
            while let Some(start) = place.checked_sub(1) {
                found.push(layer.part(start..start + FRAGMENT));
                place = before[start] as usize;
            }
        }
    }
}

fn begin(fragment: &[u8; FRAGMENT]) -> usize {
    (usize::from(fragment[0]) << 8) | usize::from(fragment[1])
}

impl Layer {
    /// The part of the text that these letters are made of.
    fn part(&self, letters: Range<usize>) -> Range<usize> {
        self.parts[letters.start].start as usize..self.parts[letters.end - 1].end as usize
    }

    /// Whether no letter of a word stands right before or after these.
    fn is_word(&self, letters: &Range<usize>) -> bool {
        let is_letter = |place: usize| {
            let byte = self.bytes[place];
            byte != GAP && (byte.is_ascii_alphanumeric() || !byte.is_ascii())
        };
        let joins = |one: usize| self.parts[one].end >= self.parts[one + 1].start;
        let is_joined_before = letters.start > 0 && is_letter(letters.start - 1) && joins(letters.start - 1);
        let is_joined_after =
            letters.end < self.bytes.len() && is_letter(letters.end) && joins(letters.end - 1);
        !is_joined_before && !is_joined_after
    }
}

/// The text with something else in the place of these parts.
fn cover(text: &str, mut parts: Vec<Range<usize>>) -> String {
    parts.sort_unstable_by_key(|part| part.start);
    let mut shown = String::with_capacity(text.len());
    let mut end = None;
    for part in parts {
        if end.is_none_or(|end| part.start > end) {
            shown.push_str(&text[end.unwrap_or_default()..part.start]);
            shown.push_str(REDACTED);
        }
        end = end.max(Some(part.end));
    }
    shown.push_str(&text[end.unwrap_or_default()..]);
    shown
}

/// A place in a text. Longer ones than 4 GiB are shown by nobody.
fn offset(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};

    use crate::redact::Secrets;

    /// What is shown of a text after `secret` was sent.
    #[track_caller]
    fn check(secret: &str, text: &str, shown: &str) {
        let mut secrets = Secrets::default();
        secrets.add(secret);
        assert_eq!(secrets.redact(text), shown, "{text}");
    }

    #[test]
    fn a_secret_is_found_in_whatever_way_it_is_written() {
        let secret = r#"p%ss&w"d/of us"#;
        for written in [
            secret,
            "p%25ss%26w%22d%2Fof%20us",
            "p%2525ss%2526w%2522d%252fof%2520us",
            "p%ss&amp;w&quot;d/of us",
            "p%ss&#38;w&#x22;d&#x2F;of us",
            r#"p%ss&w\"d\/of us"#,
            r"\u0070%ss\u0026w\u0022d\/of us",
            r#"\x70%ss&w\"d/of\n us"#,
            "p%ss&w\"\r\n  d/of us",
            "p%ss&w=\r\n\"d/of us",
            "p%ss\u{200b}&w\u{ad}\"d/of us",
        ] {
            check(secret, &format!("before {written} after"), "before […] after");
        }
    }

    // Seen in actions/runner#284, actions/runner#291.
    #[test]
    fn a_secret_is_found_in_base64_wherever_it_begins() {
        for secret in
            ["s3cr3t-pass", "TOKEN-abcdef", "geheim-größer", "a very long secret that somebody typed"]
        {
            for before in ["", "u:", "us:", "user:", "{\"auth\":\""] {
                for after in ["", "\n", "!!", "\"}"] {
                    let pair = format!("{before}{secret}{after}");
                    for written in
                        [STANDARD.encode(&pair), STANDARD_NO_PAD.encode(&pair), URL_SAFE.encode(&pair)]
                    {
                        let mut secrets = Secrets::default();
                        secrets.add(secret);
                        let broken = format!("{}\r\n {}", &written[..8], &written[8..]).replace('/', "\\/");
                        for text in [format!("Basic {written}."), format!("Authorization:{written}"), broken]
                        {
                            let shown = secrets.redact(&text);
                            let core = STANDARD_NO_PAD.encode(&secret[3..]);
                            assert!(
                                shown.contains("[…]") && shown.len() < text.len() - secret.len() / 2,
                                "{text}: {shown}"
                            );
                            assert!(!shown.contains(&core[..8]), "{text}: {shown}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn pieces_of_a_long_secret_are_found() {
        let token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1cyJ9.c2lnbmF0dXJl";
        check(token, &format!("token {}...", &token[..20]), "token […]...");
        check(token, &format!("{} and {}", &token[..24], &token[24..]), "[…] and […]");
        check(token, &format!("ends in {}", &token[token.len() - 12..]), "ends in […]");
        check(token, &format!("{token}{token}"), "[…]");
        check(token, &token[..11], &token[..11]);
    }

    // Seen in actions/runner#326, actions/runner#507.
    #[test]
    fn short_secrets_are_words_or_nothing() {
        for secret in ["", "a", "{", "abc"] {
            check(secret, "{ a abc }", "{ a abc }");
        }
        check("docker", "docker is not docker.io, dockerd: docker", "[…] is not […].io, dockerd: […]");
        check("docker", "docker%20docker&amp;docker", "[…]%20[…]&amp;[…]");
        check("deadbeef", "xdeadbeefx", "x[…]x");
    }

    #[test]
    fn other_texts_pass_as_they_are() {
        let text = "manifest unknown: sha256:ab%2Fcd &amp; \u{1b}[31m Größe \\u0041 YWJjZGVmZ2hpamts";
        check("TOKEN-abcdef", text, text);
        check("TOKEN-abcdef", "", "");
        assert_eq!(Secrets::default().redact(text), text);
    }

    #[test]
    fn a_secret_that_repeats_itself_costs_no_more() {
        let (secret, text) = ("a".repeat(100_000), "a".repeat(8000));
        check(&secret, &text, "[…]");
    }
}
