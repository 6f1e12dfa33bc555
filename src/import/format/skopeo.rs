//! The YAML of `skopeo sync --src yaml`: a mapping from registries to images.

use crate::import::draft::{Draft, Mirror, NAMES_FAIL, Rule, Settings};
use crate::import::fields::Fields;
use crate::import::image::{Repository, is_ecr, literal};
use crate::import::patterns;
use crate::import::semver;
use crate::import::semver::Suffixes;
use crate::import::to::To;

const ADVICE: &[(&str, &str)] = &[
    ("tls-verify", "TLS is always verified: name the authority by `ca_file`, or set `plain_http`"),
    ("cert-dir", "name the file of its authority by `ca_file`; there are no client certificates"),
];

/// The keys of a registry.
pub(in crate::import) const KEYS: [&str; 6] =
    ["images", "images-by-tag-regex", "images-by-semver", "credentials", "tls-verify", "cert-dir"];

/// Reads a file. skopeo puts every image below `to`, by the last part of its name.
pub(in crate::import) fn read(file: Fields, to: &To) -> Result<Draft, String> {
    let mut draft = Draft::default();
    draft.note(
        "skopeo copies one platform unless it is called with `--all`: here all are copied, or those in `platforms`",
    );
    for (host, node) in file.into_entries() {
        let entries = node.into_map().ok_or_else(|| format!("`{host}` has to be a mapping"))?;
        registry(&host, Fields::new(host.clone(), entries), to, &mut draft)?;
    }
    Ok(draft)
}

fn registry(host: &str, mut fields: Fields, to: &To, draft: &mut Draft) -> Result<(), String> {
    for (image, tags) in fields.map("images").into_entries() {
        let tags = tags.texts().ok_or_else(|| format!("`{host}.images.{image}` has to be a list of tags"))?;
        let is_digest = |tag: &str| tag.starts_with("sha256:");
        let rules: Vec<_> = tags
            .into_iter()
            .map(|tag| if is_digest(&tag) { Rule::digest(tag) } else { Rule::tag(tag) })
            .collect();
        // A list with nothing in it is every tag.
        let rules = if rules.is_empty() { vec![Rule::all()] } else { rules };
        draft.mirrors.push(mirror(host, &image, rules, to)?);
    }
    for (image, pattern) in fields.map("images-by-tag-regex").into_entries() {
        let path = || format!("`{host}.images-by-tag-regex.{image}`");
        let pattern = pattern.text().ok_or_else(|| format!("{} has to be a regular expression", path()))?;
        let is_whole = pattern.starts_with('^') && pattern.ends_with('$');
        let rule = match patterns::name(pattern).filter(|_| is_whole) {
            Some(name) => {
                draft.note(NAMES_FAIL);
                Rule::tag(name)
            }
            None => Rule::matching(literal(pattern)),
        };
        draft.mirrors.push(mirror(host, &image, vec![rule], to)?);
    }
    for (image, ranges) in fields.map("images-by-semver").into_entries() {
        let fault =
            || format!("cannot read `{host}.images-by-semver.{image}`: no requirement such as `>=1.2, <2`");
        let ranges = ranges.texts().ok_or_else(fault)?;
        let mut rules = Vec::new();
        for range in ranges {
            rules.extend(semver::rules(&range, semver::NUMBERS, Suffixes::WhereNamed).ok_or_else(fault)?);
        }
        draft.mirrors.push(mirror(host, &image, rules, to)?);
    }
    // What is named a registry may have a path behind it.
    let registry = host.split('/').next().unwrap_or_default();
    let mut credentials = fields.map("credentials");
    let username = credentials.text("username").filter(|_| credentials.has("password") && !is_ecr(registry));
    if let Some(username) = username {
        draft.registry(registry).log_in(registry, literal(&username), None);
    }
    if fields.flag("tls-verify") == Some(false) {
        draft.registry(registry).notes.push(format!("left out: {host}.tls-verify: {}", ADVICE[0].1));
    }
    let notes = fields.left_out(ADVICE, &[]);
    if !notes.is_empty() {
        draft.registry(registry).notes.extend(notes);
    }
    Ok(())
}

fn mirror(host: &str, image: &str, rules: Vec<Rule>, to: &To) -> Result<Mirror, String> {
    let source = Repository::parse(&literal(&format!("{host}/{image}")));
    let source = source.ok_or_else(|| format!("`{host}/{image}` is no repository"))?;
    // It goes on where it finds no tags.
    let at_least = rules.iter().any(|rule| !rule.is_name()).then_some(0);
    let settings = Settings { at_least, ..Settings::default() };
    let targets = vec![to.target("{name}", &source)];
    Ok(Mirror { source, targets, rules, settings, ..Mirror::default() })
}
