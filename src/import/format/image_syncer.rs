//! image-syncer: a file of rules (source to targets), and one of logins.

use crate::import::draft::{Choice, Draft, Mirror, Password, Rule, Settings};
use crate::import::fields::Fields;
use crate::import::image::{Image, Repository, is_ecr, literal};
use crate::import::tree::Node;

const ADVICE: &[(&str, &str)] = &[
    ("identityToken", "log in by `credentials`, or by Docker's config.json"),
    ("token", "log in by `credentials`, or by Docker's config.json"),
];

/// The keys of a login.
pub(in crate::import) const KEYS: [&str; 5] = ["username", "password", "insecure", "identityToken", "token"];

/// Reads rules, or logins, or the older file that has both under `images` and `auth`.
pub(in crate::import) fn read(mut file: Fields) -> Result<Draft, String> {
    let mut draft = Draft::default();
    let (images, auth) = (file.map("images"), file.map("auth"));
    for (key, node) in images.into_entries().into_iter().chain(file.into_entries()) {
        match node {
            Node::Map(entries) => login(&key, Fields::new(key.clone(), entries), &mut draft),
            node => rule(&key, &node, &mut draft)?,
        }
    }
    for (key, node) in auth.into_entries() {
        let entries = node.into_map().ok_or_else(|| format!("`auth.{key}` has to be a mapping"))?;
        login(&key, Fields::new(format!("auth.{key}"), entries), &mut draft);
    }
    if !draft.mirrors.is_empty() {
        draft.note("image-syncer's `--os` and `--arch` stand on its command line: write them as `platforms`");
    }
    Ok(draft)
}

fn login(place: &str, mut fields: Fields, draft: &mut Draft) {
    let host = match place.split_once('/') {
        Some((host, _)) => {
            draft.note(format!("{place}: a login is for a whole registry here, whichever path it was for"));
            host
        }
        None => place,
    };
    let (username, password) = (fields.text("username"), fields.text("password"));
    let registry = draft.registry(host);
    registry.plain_http |= fields.flag("insecure").unwrap_or(false);
    if let Some(username) = username.filter(|_| password.is_some() && !is_ecr(host)) {
        registry.log_in(
            host,
            expanded(&username),
            password.as_deref().and_then(variable).map(Password::Variable),
        );
    }
    registry.notes.extend(fields.left_out(ADVICE, &[]));
}

/// The name in `$NAME` or `${NAME}`.
fn variable(text: &str) -> Option<String> {
    let name = text.strip_prefix('$')?;
    let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!name.is_empty() && name.chars().all(is_name)).then(|| name.to_owned())
}

/// A text that may be a variable as a whole.
fn expanded(text: &str) -> String {
    variable(text).map_or_else(|| literal(text), |name| format!("${{{name}}}"))
}

fn rule(source: &str, targets: &Node, draft: &mut Draft) -> Result<(), String> {
    let fault = |what: &str| format!("`{source}`: {what}");
    let targets = targets.texts().ok_or_else(|| fault("its target has to be a text or a list of them"))?;
    let (repository, rules) = choice(source).ok_or_else(|| fault("no repository with tags behind it"))?;
    for target in targets {
        if target.is_empty() {
            return Err(fault(
                "has no target: write the repository, as the default registry is not known here",
            ));
        }
        let (target, mut rules) = (target, rules.clone());
        let (target, names) = match Image::parse(first_tag(&target).0) {
            Some(image) => {
                (image.repository, image.tag.into_iter().chain(first_tag(&target).1).collect::<Vec<_>>())
            }
            None => return Err(fault("one of its targets is no repository")),
        };
        if !names.is_empty() {
            if names.len() != rules.len() || !rules.iter().all(Rule::is_name) {
                return Err(fault("has not as many tags as its target"));
            }
            for (rule, name) in rules.iter_mut().zip(names) {
                if rule.plain_tag() != Some(&name) {
                    rule.names = vec![name];
                }
            }
        }
        let at_least = rules.iter().any(|rule| !rule.is_name()).then_some(0);
        draft.mirrors.push(Mirror {
            source: repository.clone(),
            targets: vec![target.to_string()],
            rules,
            settings: Settings { at_least, ..Settings::default() },
            ..Mirror::default()
        });
    }
    Ok(())
}

/// Splits `REPOSITORY:TAG,TAG` behind its first tag.
fn first_tag(text: &str) -> (&str, Vec<String>) {
    match text.split_once(',') {
        Some((first, more)) => (first, more.split(',').map(str::to_owned).collect()),
        None => (text, Vec::new()),
    }
}

/// `REPOSITORY`, with `:TAG,TAG`, `:/PATTERN/` or `@DIGEST` behind it.
fn choice(source: &str) -> Option<(Repository, Vec<Rule>)> {
    if let Some((repository, pattern)) = source.split_once(":/") {
        let pattern = pattern.strip_suffix('/')?;
        return Some((Repository::parse(repository)?, vec![Rule::matching(literal(pattern))]));
    }
    let (first, more) = first_tag(source);
    let Image { repository, tag, digest } = Image::parse(first)?;
    let rules = match (tag, digest) {
        (None, None) => vec![Rule::all()],
        (tag, Some(digest)) => {
            vec![Rule { choice: Choice::Named { tag, digest: Some(digest) }, ..Rule::default() }]
        }
        (Some(tag), None) => std::iter::once(tag).chain(more).map(Rule::tag).collect(),
    };
    Some((repository, rules))
}
