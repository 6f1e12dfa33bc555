//! `WWW-Authenticate`: what a registry wants to see before it answers (RFC 9110, section 11).

use std::collections::BTreeMap;

/// Headers longer than this are cut: no honest challenge comes near.
const HEADER_MAX_BYTES: usize = 16 * 1024;

/// One challenge: a scheme and its parameters, both names in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Challenge {
    /// The scheme, such as `bearer`.
    pub(super) scheme: String,
    /// The parameters, such as `realm`. A `token68` in their place is left out.
    pub(super) params: BTreeMap<String, String>,
}

impl Challenge {
    /// A parameter that is there and not empty.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// Reads every challenge of one header. What cannot be read is passed over.
///
/// A comma separates both challenges and parameters; which of the two follows shows only behind the next
/// word: `name=value` belongs to the challenge before, a word without `=` opens a new one.
pub(super) fn parse(header: &str) -> Vec<Challenge> {
    let mut rest = Cursor(&header.as_bytes()[..header.len().min(HEADER_MAX_BYTES)]);
    let mut challenges: Vec<Challenge> = Vec::new();
    loop {
        rest.skip(b", \t");
        let word = rest.token();
        if word.is_empty() {
            match rest.next() {
                // Not a token: stray bytes, passed over one by one.
                Some(_) => continue,
                None => return challenges,
            }
        }
        let after_word = rest;
        rest.skip(b" \t");
        match (rest.eat(b'='), challenges.last_mut()) {
            (true, Some(challenge)) => {
                rest.skip(b" \t");
                let value = rest.value();
                challenge.params.entry(word.to_ascii_lowercase()).or_insert(value);
            }
            // A parameter before any scheme belongs to nothing.
            (true, None) => drop(rest.value()),
            (false, _) => {
                rest = after_word;
                challenges.push(Challenge { scheme: word.to_ascii_lowercase(), ..Challenge::default() });
                rest.skip_token68();
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.0.first() == Some(&byte);
        if found {
            self.0 = &self.0[1..];
        }
        found
    }

    fn skip(&mut self, bytes: &[u8]) {
        self.take_while(|b| bytes.contains(&b));
    }

    fn take_while(&mut self, accepts: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.0.iter().position(|&b| !accepts(b)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }

    fn token(&mut self) -> String {
        let taken = self.take_while(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
        String::from_utf8_lossy(taken).into_owned()
    }

    /// A quoted string or, leniently, everything up to the next comma or space: realms come unquoted too.
    fn value(&mut self) -> String {
        if !self.eat(b'"') {
            return String::from_utf8_lossy(self.take_while(|b| !b", \t".contains(&b))).into_owned();
        }
        let mut value = Vec::new();
        while let Some(byte) = self.next() {
            match byte {
                b'"' => break,
                b'\\' => value.extend(self.next()),
                _ => value.push(byte),
            }
        }
        String::from_utf8_lossy(&value).into_owned()
    }

    /// `Negotiate dG9rZW4=`: the credentials of a scheme that we do not speak.
    fn skip_token68(&mut self) {
        let mut ahead = *self;
        ahead.skip(b" \t");
        let taken = ahead.take_while(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b));
        let padding = ahead.take_while(|b| b == b'=');
        ahead.skip(b" \t");
        let ends = ahead.0.is_empty() || ahead.0[0] == b',';
        // `x=y` would be a parameter, and a lone word the next scheme.
        if !taken.is_empty() && ends && !(padding.is_empty() && taken.iter().all(u8::is_ascii_alphabetic)) {
            *self = ahead;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(header: &str, expected: &[(&str, &[(&str, &str)])]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(scheme, params)| Challenge {
                scheme: (*scheme).to_owned(),
                params: params.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
            })
            .collect();
        assert_eq!(parse(header), expected);
    }

    #[test]
    fn oracle_has_a_space_in_its_service() {
        check(
            r#"Bearer realm="https://container-registry.oracle.com/auth",service="Oracle Registry",scope="repository:java/jdk:pull""#,
            &[(
                "bearer",
                &[
                    ("realm", "https://container-registry.oracle.com/auth"),
                    ("service", "Oracle Registry"),
                    ("scope", "repository:java/jdk:pull"),
                ],
            )],
        );
    }

    #[test]
    fn several_challenges_share_a_header() {
        check(
            r#"Negotiate dG9rZW4=, Basic realm="a, b", BEARER Realm = "r" , scope="x:y:pull,push""#,
            &[
                ("negotiate", &[]),
                ("basic", &[("realm", "a, b")]),
                ("bearer", &[("realm", "r"), ("scope", "x:y:pull,push")]),
            ],
        );
        check("Negotiate, Basic", &[("negotiate", &[]), ("basic", &[])]);
    }

    #[test]
    fn quoting_and_sloppiness_are_understood() {
        check(r#"Basic realm="say \"hi\"""#, &[("basic", &[("realm", "say \"hi\"")])]);
        check(
            "bearer realm=https://x/token,service=y",
            &[("bearer", &[("realm", "https://x/token"), ("service", "y")])],
        );
        check(r#"Bearer realm="unterminated"#, &[("bearer", &[("realm", "unterminated")])]);
        check("", &[]);
        check("=, ,", &[]);
    }

    #[test]
    fn the_first_of_two_equal_parameters_counts() {
        check(r#"Bearer realm="a",realm="b""#, &[("bearer", &[("realm", "a")])]);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(header in ".{0,200}") {
            parse(&header);
        }
    }
}
