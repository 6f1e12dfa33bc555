//! References as people write them, in which `${NAME}` may stand for any part.

use std::fmt;

use crate::oci::Host;

/// What `docker.io` is called by its own clients.
const DOCKER_HUB: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// Stands for all repositories under a path.
const ALL: &str = "*";

/// A repository: a host and a path in it, or a directory (`oci:DIR`) with an empty path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repository {
    /// The registry.
    pub host: String,
    /// The path.
    pub path: String,
}

/// A repository, with a tag or a digest or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) repository: Repository,
    pub(super) tag: Option<String>,
    pub(super) digest: Option<String>,
}

impl Repository {
    /// Reads `HOST/PATH` by Docker's rules. None for what has a user, a scheme or nothing in it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(directory) = text.strip_prefix("oci:").filter(|directory| !directory.is_empty()) {
            return Some(Self { host: format!("oci:{directory}"), path: String::new() });
        }
        if !is_plain(text) || text.contains('@') {
            return None;
        }
        let (host, path) = match split(text, '/') {
            Some((host, path)) if names_host(host) => (host, path),
            _ => (DOCKER_HUB[0], text),
        };
        let host = if DOCKER_HUB.contains(&host) { DOCKER_HUB[0] } else { host };
        let is_official = host == DOCKER_HUB[0] && split(path, '/').is_none();
        let path = if is_official { format!("library/{path}") } else { path.to_owned() };
        (!path.is_empty() && !path.starts_with('/') && !path.ends_with('/'))
            .then(|| Self { host: host.to_owned(), path })
    }

    /// All repositories under `HOST` or `HOST/PATH`. None where the registry lists them to nobody.
    pub(super) fn all_below(text: &str) -> Option<Self> {
        const ONE: &str = "one";
        let Self { host, path } = Self::parse(&format!("{text}/{ONE}"))?;
        let under = path.strip_suffix(ONE)?;
        (!Host::lists_nothing(&host)).then(|| Self { path: format!("{under}{ALL}"), host })
    }

    /// Whether it stands for all repositories under a path.
    pub(super) fn is_all(&self) -> bool {
        self.path == ALL || self.path.ends_with("/*")
    }

    /// The last part of the path.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// What a mirror of it is called by itself: the path, or the directory.
    pub(super) fn own_name(&self) -> &str {
        if self.path.is_empty() {
            self.host.rsplit(['/', '#', ':']).next().unwrap_or_default()
        } else {
            &self.path
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.host),
            path => write!(f, "{}/{path}", self.host),
        }
    }
}

impl Image {
    /// Reads `HOST/PATH[:TAG][@DIGEST]`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("docker://").unwrap_or(text);
        if !text.starts_with("oci:") && !is_plain(text) {
            return None;
        }
        let (text, digest) = match text.split_once('@') {
            Some((text, digest)) if digest.starts_with("sha256:") => (text, Some(digest.to_owned())),
            Some(_) => return None,
            None => (text, None),
        };
        let start = text.rfind('/').map_or(0, |slash| slash + 1);
        let (text, tag) = match split(&text[start..], ':') {
            Some((name, tag)) if !text.starts_with("oci:") || start > 0 => {
                (&text[..start + name.len()], Some(tag.to_owned()))
            }
            _ => (text, None),
        };
        Some(Self { repository: Repository::parse(text)?, tag, digest })
    }

    /// The tag that clients ask for.
    pub(super) fn tag_or_latest(&self) -> &str {
        self.tag.as_deref().unwrap_or("latest")
    }
}

/// Whether a host is Amazon ECR, where logins come from AWS.
pub(super) fn is_ecr(host: &str) -> bool {
    host.contains(".dkr.ecr") || host.contains(".dkr-ecr") || host == "public.ecr.aws"
}

/// Splits at the first `mark` that is in no `${NAME:-default}`.
fn split(text: &str, mark: char) -> Option<(&str, &str)> {
    let mut depth = 0;
    let at = text.char_indices().find_map(|(at, letter)| {
        match letter {
            '{' => depth += 1,
            '}' => depth = 0.max(depth - 1),
            _ => {}
        }
        (letter == mark && depth == 0).then_some(at)
    })?;
    Some((&text[..at], &text[at + mark.len_utf8()..]))
}

/// Whether a text has only what references have, and variables.
fn is_plain(text: &str) -> bool {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((_, after)) = after.split_once('}').filter(|_| has_only_letters(before)) else {
            return false;
        };
        rest = after;
    }
    !text.is_empty() && has_only_letters(rest) && !text.contains("://")
}

fn has_only_letters(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "._-/:@".contains(c))
}

/// Whether the first part of a name is a host (Docker's rule), or a variable that can only be one.
fn names_host(text: &str) -> bool {
    text.contains(['.', ':', '$']) || text == "localhost"
}

/// Text of another tool in which nothing is a variable, so that it is not taken for one here.
pub(super) fn literal(text: &str) -> String {
    let mut literal = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let is_variable = after.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        literal.extend([before, if is_variable { "$${" } else { "${" }]);
        rest = after;
    }
    literal + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, repository: &str, tag: Option<&str>, digest: Option<&str>) {
        let image = Image::parse(text).unwrap();
        let actual = (image.repository.to_string(), image.tag.as_deref(), image.digest.as_deref());
        assert_eq!(actual, (repository.to_owned(), tag, digest));
    }

    #[test]
    fn references_are_read_by_dockers_rules() {
        check("nginx", "docker.io/library/nginx", None, None);
        check("index.docker.io/nginx:1.27", "docker.io/library/nginx", Some("1.27"), None);
        check("registry.test:5000/a/b", "registry.test:5000/a/b", None, None);
        check("registry.test:5000/a/b:1@sha256:00", "registry.test:5000/a/b", Some("1"), Some("sha256:00"));
        check("docker://quay.io/a:1", "quay.io/a", Some("1"), None);
        check("${HOST}/a:${TAG:-1}", "${HOST}/a", Some("${TAG:-1}"), None);
        check("a${N:-x/y}:1", "docker.io/library/a${N:-x/y}", Some("1"), None);
        check("oci:./dir", "oci:./dir", None, None);
        check("oci:./dir:1", "oci:./dir", Some("1"), None);
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for text in [
            "",
            "https://quay.io/a",
            "user:secret@quay.io/a",
            "a b",
            "quay.io/",
            "a@md5:1",
            "a: {b: c}",
            "${A",
        ] {
            assert_eq!(Image::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_variable_is_kept_as_it_is() {
        assert_eq!(literal("a${2}${NAME}$"), "a${2}$${NAME}$");
    }
}
