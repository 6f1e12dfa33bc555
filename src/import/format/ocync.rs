//! ocync: registries by names, defaults, and mappings between them.

use std::collections::BTreeMap;

use crate::import::draft::{Choice, Draft, Mirror, Password, Pattern, Rule, Settings};
use crate::import::fields::Fields;
use crate::import::image::Repository;
use crate::import::patterns;
use crate::import::semver;
use crate::import::semver::Suffixes;

const ADVICE: &[(&str, &str)] = &[
    ("global", "`concurrency` says how much is done at a time; nothing is kept on disk"),
    ("include", "`referrers` takes all kinds"),
    ("exclude", "`referrers` takes all kinds"),
    ("require_artifacts", "an image without signatures is copied as well"),
    ("immutable_tags", "write `immutable: true` into the rules whose tags never move"),
];
const IGNORED: &[&str] = &["head_first"];

/// What it leaves out of every pattern, unless it is asked for by name.
const LEFT_OUT: &str = "(?i)-(rc|alpha|beta|pre|snapshot|nightly)";

/// What `defaults` says of mappings that do not say otherwise.
struct Defaults {
    source: Option<String>,
    targets: Vec<String>,
    platforms: Vec<String>,
    tags: Tags,
    artifacts: bool,
}

/// What is said of tags. A mapping replaces each key of the defaults by itself.
#[derive(Clone, Default)]
struct Tags {
    globs: Option<Vec<String>>,
    included: Option<Vec<String>>,
    range: Option<Pattern>,
    prereleases: Option<bool>,
    newest: Option<u64>,
    at_least: Option<u64>,
    /// What a mapping leaves out, whatever it includes.
    excluded: Vec<String>,
}

/// Reads a file.
pub(in crate::import) fn read(mut file: Fields) -> Result<Draft, String> {
    let mut draft = Draft::default();
    let mut hosts = BTreeMap::new();
    for (name, node) in file.map("registries").into_entries() {
        let path = format!("registries.{name}");
        let entries = node.into_map().ok_or_else(|| format!("`{path}` has to be a mapping"))?;
        hosts.insert(name, registry(Fields::new(path, entries), &mut draft)?);
    }
    let mut groups = BTreeMap::new();
    for (name, node) in file.map("target_groups").into_entries() {
        let members =
            node.texts().ok_or_else(|| format!("`target_groups.{name}` has to be a list of registries"))?;
        groups.insert(name, members);
    }
    let mut fields = file.map("defaults");
    let defaults = Defaults {
        source: fields.text("source"),
        targets: fields.texts("targets").unwrap_or_default(),
        platforms: fields.texts("platforms").unwrap_or_default(),
        artifacts: artifacts(&mut fields, &mut draft).unwrap_or(true),
        tags: Tags::read(&mut fields, &mut draft)?,
    };
    fields.left_out(ADVICE, IGNORED).into_iter().for_each(|note| draft.note(note));
    for mapping in Fields::list("mappings", file.take("mappings"))? {
        let mirror = mirror(mapping, &defaults, &hosts, &groups, &mut draft)?;
        draft.mirrors.push(mirror);
    }
    file.left_out(ADVICE, IGNORED).into_iter().for_each(|note| draft.note(note));
    Ok(draft)
}

/// Reads a registry. Gives its host.
fn registry(mut fields: Fields, draft: &mut Draft) -> Result<String, String> {
    let url = fields.required("url")?;
    let host = url.trim_start_matches("https://").trim_end_matches('/').to_owned();
    let auth = fields.text("auth_type").unwrap_or_default();
    let mut credentials = fields.map("credentials");
    let (username, password) = (credentials.text("username"), credentials.text("password"));
    let token = fields.text("token");
    let concurrent = fields.number("max_concurrent");
    let notes = fields.left_out(ADVICE, IGNORED);
    if host.contains("${") {
        // The key of a setting is no place for a variable.
        if username.is_some() || token.is_some() || concurrent.is_some() {
            draft.note(format!(
                "left out: settings of {host}: its name is a variable: write them under `registries`"
            ));
        }
        return Ok(host);
    }
    let mut settings = std::mem::take(draft.registry(&host));
    settings.concurrent = concurrent;
    match (username, password, token) {
        (Some(username), Some(password), _) => settings.log_in(&host, username, variable(&password)),
        (_, _, Some(token)) => {
            settings.log_in(&host, "token", variable(&token));
            settings.notes.push("`username`: write whose token it is".to_owned());
        }
        _ => {}
    }
    if matches!(auth.as_str(), "gar" | "gcr" | "acr") {
        settings.notes.push(format!(
            "left out: the login of `auth_type: {auth}`: use a helper in Docker's config.json"
        ));
    }
    settings.notes.extend(notes);
    draft.registries.insert(host.clone(), settings);
    Ok(host)
}

/// The variable that a text is.
fn variable(text: &str) -> Option<Password> {
    let inside = text.strip_prefix("${")?.strip_suffix('}')?;
    let name = inside.split(':').next().unwrap_or_default();
    (!name.is_empty()).then(|| Password::Variable(name.to_owned()))
}

fn mirror(
    mut mapping: Fields,
    defaults: &Defaults,
    hosts: &BTreeMap<String, String>,
    groups: &BTreeMap<String, Vec<String>>,
    draft: &mut Draft,
) -> Result<Mirror, String> {
    let from = mapping.required("from")?;
    let to = mapping.text("to").unwrap_or_else(|| from.clone());
    let place = mapping.path().to_owned();
    let host =
        |name: &str| hosts.get(name).ok_or_else(|| format!("`{place}`: no registry is named `{name}`"));
    let source = mapping.text("source").or_else(|| defaults.source.clone());
    let source = source.ok_or_else(|| format!("`{}` is missing", mapping.path_of("source")))?;
    let repository = Repository::parse(&format!("{}/{from}", host(&source)?));
    let repository = repository.ok_or_else(|| format!("`{}` is no repository", mapping.path_of("from")))?;
    let targets = mapping.texts("targets").unwrap_or_else(|| defaults.targets.clone());
    let targets =
        targets.iter().flat_map(|name| groups.get(name).cloned().unwrap_or_else(|| vec![name.clone()]));
    let targets =
        targets.map(|name| Ok(format!("{}/{to}", host(&name)?))).collect::<Result<Vec<_>, String>>()?;
    let tags = Tags::read(&mut mapping, draft)?.over(&defaults.tags);
    let at_least = tags.at_least.unwrap_or(0);
    let rules = tags.rules(&defaults.tags.excluded);
    let settings = Settings {
        platforms: mapping.texts("platforms").unwrap_or_else(|| defaults.platforms.clone()),
        referrers: artifacts(&mut mapping, draft).unwrap_or(defaults.artifacts),
        at_least: (at_least > 0 || rules.iter().any(|rule| !rule.is_name())).then_some(at_least),
        schedule: None,
    };
    let notes = mapping.left_out(ADVICE, IGNORED);
    Ok(Mirror { notes, source: repository, targets, rules, settings, ..Mirror::default() })
}

/// Whether signatures and the like are copied, where it is said.
fn artifacts(fields: &mut Fields, draft: &mut Draft) -> Option<bool> {
    if !fields.has("artifacts") {
        return None;
    }
    let mut artifacts = fields.map("artifacts");
    let is_enabled = artifacts.flag("enabled").unwrap_or(true);
    artifacts.left_out(ADVICE, IGNORED).into_iter().for_each(|note| draft.note(note));
    Some(is_enabled)
}

impl Tags {
    /// Reads `tags`, where there is such a key.
    fn read(fields: &mut Fields, draft: &mut Draft) -> Result<Self, String> {
        if !fields.has("tags") {
            return Ok(Self::default());
        }
        let mut tags = fields.map("tags");
        let range =
            tags.text("semver").map(|range| read_range(&range, &tags.path_of("semver"))).transpose()?;
        let prereleases = tags.text("semver_prerelease");
        if prereleases.as_deref() == Some("only") {
            let path = tags.path_of("semver_prerelease");
            draft.note(format!("left out: {path}: narrow `match` to pre-releases"));
        }
        let newest = tags.number("latest");
        if tags.text("sort").as_deref() == Some("alpha") && newest.is_some() {
            let path = tags.path_of("sort");
            draft.note(format!("{path}: `newest` compares versions, never names by their letters"));
        }
        let read = Self {
            globs: tags.texts("glob"),
            included: tags.texts("include"),
            range,
            prereleases: prereleases.map(|wish| wish != "exclude"),
            newest,
            at_least: tags.number("min_tags"),
            excluded: as_patterns(&tags.texts("exclude").unwrap_or_default()),
        };
        tags.left_out(ADVICE, IGNORED).into_iter().for_each(|note| draft.note(note));
        Ok(read)
    }

    /// What a mapping says, and the defaults where it says nothing.
    fn over(self, defaults: &Self) -> Self {
        let defaults = defaults.clone();
        Self {
            globs: self.globs.or(defaults.globs),
            included: self.included.or(defaults.included),
            range: self.range.or(defaults.range),
            prereleases: self.prereleases.or(defaults.prereleases),
            newest: self.newest.or(defaults.newest),
            at_least: self.at_least.or(defaults.at_least),
            excluded: self.excluded,
        }
    }

    /// The rules. `unless_included` are the patterns that the defaults leave out.
    fn rules(&self, unless_included: &[String]) -> Vec<Rule> {
        let remark = || "of each variant: ocync counts all tags together".to_owned();
        let base = Pattern {
            except: patterns::any_of(&[&self.excluded[..], unless_included, &[LEFT_OUT.to_owned()]].concat()),
            range: self.range.as_ref().and_then(|pattern| pattern.range.clone()),
            prereleases: self.prereleases.unwrap_or(false),
            newest: self.newest.map(|count| (count, remark())),
            ..Pattern::default()
        };
        let globs = self.globs.as_deref().unwrap_or_default();
        let is_filtered = base.range.is_some() || base.newest.is_some();
        let mut rules: Vec<Rule> = if globs.is_empty() {
            vec![Rule::of(Pattern { regex: ".".to_owned(), ..base.clone() })]
        } else if !is_filtered && globs.iter().all(|glob| patterns::is_literal(glob)) {
            let kept = globs.iter().filter(|name| !patterns::is_excepted(name, base.except.as_deref()));
            kept.map(Rule::tag).collect()
        } else {
            // Together, as `newest` counts over all of them.
            vec![Rule::of(Pattern { regex: as_patterns(globs).join("|"), ..base.clone() })]
        };
        for glob in self.included.iter().flatten() {
            rules.push(if patterns::is_literal(glob) {
                Rule::tag(glob)
            } else {
                let except = patterns::any_of(&self.excluded);
                Rule::of(Pattern { regex: patterns::glob(glob), except, ..base.clone() })
            });
        }
        rules
    }
}

fn as_patterns(globs: &[String]) -> Vec<String> {
    globs.iter().map(|glob| patterns::glob(glob)).collect()
}

/// The pattern of a requirement.
fn read_range(text: &str, path: &str) -> Result<Pattern, String> {
    let rules = semver::rules(text, semver::NUMBERS, Suffixes::Always).filter(|rules| rules.len() == 1);
    match rules.into_iter().flatten().next().map(|rule| rule.choice) {
        Some(Choice::Matching(pattern)) => Ok(*pattern),
        _ => Err(format!("cannot read `{path}`: no requirement such as `>=1.0, <2.0`")),
    }
}
