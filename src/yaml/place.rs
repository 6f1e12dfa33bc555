//! Where in a document something is.

use std::fmt;

/// Keys longer than this are cut in messages.
const KEY_SHOWN_MAX_CHARS: usize = 80;
/// The mappings that hold secrets, and the keys that belong there. Any other may be a secret that lost its own.
const SECRETIVE: [(&str, &[&str]); 3] = [
    ("credentials", &["username", "password", "password_file", "secret"]),
    ("webhook", &["url", "headers"]),
    ("slack", &["url"]),
];

/// Line and column of a character, both from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

impl Position {
    /// The first character of a document.
    pub(super) const START: Self = Self { line: 1, column: 1 };
}

/// One step down from a value to a value in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    /// Into a mapping.
    Key(String),
    /// Into a list, from 0.
    Index(usize),
}

/// The way from the document's root to a value: `mirrors[0].tags[1].per`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(Vec<Segment>);

impl Path {
    /// The value under `key` of the mapping here.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.join(Segment::Key(key.to_owned()))
    }

    /// The item `index`, from 0, of the list here.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.join(Segment::Index(index))
    }

    fn join(&self, segment: Segment) -> Self {
        let mut path = self.clone();
        path.0.push(segment);
        path
    }

    /// Whether this is `other` or lies within it.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.0
    }

    pub(super) fn push(&mut self, segment: Segment) {
        self.0.push(segment);
    }

    pub(super) fn pop(&mut self) {
        self.0.pop();
    }
}

impl FromIterator<Segment> for Path {
    fn from_iter<I: IntoIterator<Item = Segment>>(segments: I) -> Self {
        Self(segments.into_iter().collect())
    }
}

impl fmt::Display for Path {
    /// Keys that are no plain words are quoted, and one with an `@` is not shown:
    /// an address with a password in it may have been written where a host belongs. Of what is in a mapping that holds
    /// secrets only the keys that belong there are shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_word =
            |key: &str| !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let known = |segment: &Segment| match segment {
            Segment::Key(key) => SECRETIVE.iter().find(|(name, _)| key == name).map(|(_, known)| *known),
            Segment::Index(_) => None,
        };
        let secretive = self.0.iter().enumerate().find_map(|(depth, segment)| Some((depth, known(segment)?)));
        for (depth, segment) in self.0.iter().enumerate() {
            let is_hidden = |key: &str| match secretive {
                Some((holder, known)) if depth == holder + 1 => !known.contains(&key),
                Some((holder, _)) => depth > holder,
                None => false,
            };
            match segment {
                Segment::Key(key) if is_hidden(key) => f.write_str("[…]")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) if key.contains('@') => f.write_str("[…]")?,
                Segment::Key(key) => {
                    let key: String = key.chars().take(KEY_SHOWN_MAX_CHARS).collect();
                    match (is_word(&key), depth) {
                        (true, 0) => f.write_str(&key)?,
                        (true, _) => write!(f, ".{key}")?,
                        (false, _) => write!(f, "[{key:?}]")?,
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_as_one_would_write_them() {
        let path = Path::default().key("mirrors").index(0).key("tags").index(1).key("per");
        assert_eq!(path.to_string(), "mirrors[0].tags[1].per");
        let path = Path::default().key("registries").key("127.0.0.1:5000").key("ca_file");
        assert_eq!(path.to_string(), r#"registries["127.0.0.1:5000"].ca_file"#);
        let path = Path::default().key("registries").key("https://me:hunter2@registry.test");
        assert_eq!(path.to_string(), "registries[…]");
        let path = Path::default().key("registries").key("a.b").key("credentials");
        assert_eq!(
            path.key("password").key("hunter2").to_string(),
            r#"registries["a.b"].credentials.password[…]"#
        );
        assert_eq!(path.key("hunter2").to_string(), r#"registries["a.b"].credentials[…]"#);
        let path = Path::default().key("notices").index(0).key("webhook").key("headers");
        assert_eq!(path.key("Authorization:hunter2").to_string(), "notices[0].webhook.headers[…]");
    }
}
