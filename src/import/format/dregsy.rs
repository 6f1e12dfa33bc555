//! dregsy: tasks, each with a source, a target and mappings between them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::import::draft::{Choice, Draft, Mirror, Pattern, Rule, Settings};
use crate::import::fields::Fields;
use crate::import::image::{Repository, is_ecr, literal};
use crate::import::patterns;
use crate::import::semver;
use crate::import::semver::Suffixes;
use crate::import::times;

const ADVICE: &[(&str, &str)] = &[
    ("skip-tls-verify", "TLS is always verified: name the authority by `ca_file`, or set `plain_http`"),
    ("mappings_file", "import that file's mappings as part of this one"),
];
const IGNORED: &[&str] =
    &["name", "relay", "skopeo", "docker", "verbose", "auth-refresh", "preserve-digests", "lister"];
const REGEX: &str = "regex:";
/// What it takes for a version: missing numbers are 0, but not before a hyphen.
const VERSION: &str = r"^v?[0-9]+(\.[0-9]+){0,2}$|^v?[0-9]+\.[0-9]+\.[0-9]+-[0-9A-Za-z.-]+$";

/// One of the two sides of a task.
struct Location {
    host: String,
    path: String,
}

/// Reads a file.
pub(in crate::import) fn read(mut file: Fields) -> Result<Draft, String> {
    let mut draft = Draft::default();
    draft.note(
        "dregsy copies the platform of its own machine where a mapping names none: here all are copied, or those in `platforms`",
    );
    for mut task in Fields::list("tasks", file.take("tasks"))? {
        let source = location(task.map("source"), &mut draft)?;
        let target = location(task.map("target"), &mut draft)?;
        if is_ecr(&target.host) {
            draft.registry(&target.host).creates_repositories = true;
        }
        let schedule = task.number("interval").filter(|seconds| *seconds > 0).map(times::every);
        if schedule.as_ref().is_some_and(|cron| !cron.is_exact) {
            draft.note(format!("{}: no part of a day, so this runs more often", task.path_of("interval")));
        }
        let schedule = schedule.map(|cron| cron.expression);
        for mapping in Fields::list(&task.path_of("mappings"), task.take("mappings"))? {
            let settings = Settings { schedule: schedule.clone(), ..Settings::default() };
            let place = mapping.path().to_owned();
            if let Some(mirror) = mirror(mapping, &source, &target, settings)? {
                draft.mirrors.push(mirror);
            } else {
                draft.note(format!("left out: {place}: a pattern: write a mirror for each repository"));
            }
        }
        task.left_out(ADVICE, IGNORED).into_iter().for_each(|note| draft.note(note));
    }
    file.left_out(ADVICE, IGNORED).into_iter().for_each(|note| draft.note(note));
    Ok(draft)
}

fn location(mut fields: Fields, draft: &mut Draft) -> Result<Location, String> {
    let registry = fields.required("registry")?;
    let registry = registry.trim_end_matches('/');
    let (host, path) = registry.split_once('/').unwrap_or((registry, ""));
    let auth = fields.text("auth").filter(|auth| auth != "none");
    if let Some(auth) = auth.filter(|_| !is_ecr(host)) {
        let username = username(&auth)
            .ok_or_else(|| format!("cannot read `{}`: no base64 of JSON", fields.path_of("auth")))?;
        draft.registry(host).log_in(host, literal(&username), None);
    }
    let notes: Vec<_> = match fields.flag("skip-tls-verify") {
        Some(true) => vec![format!("left out: {}: {}", fields.path_of("skip-tls-verify"), ADVICE[0].1)],
        _ => Vec::new(),
    };
    let notes: Vec<_> = notes.into_iter().chain(fields.left_out(ADVICE, IGNORED)).collect();
    if !notes.is_empty() {
        draft.registry(host).notes.extend(notes);
    }
    Ok(Location { host: host.to_owned(), path: path.to_owned() })
}

/// The user of base64 text of `{"username": …, "password": …}`. The password is dropped at once.
fn username(auth: &str) -> Option<String> {
    let json = STANDARD.decode(auth.trim()).ok()?;
    let login: serde_json::Value = serde_json::from_slice(&json).ok()?;
    login.get("username")?.as_str().map(str::to_owned)
}

/// Reads a mapping; none of a pattern that cannot be said here.
fn mirror(
    mut mapping: Fields,
    source: &Location,
    target: &Location,
    mut settings: Settings,
) -> Result<Option<Mirror>, String> {
    let from = mapping.required("from")?;
    let to = mapping.text("to").filter(|to| !to.is_empty());
    settings.platforms = mapping.text("platform").filter(|platform| platform != "all").into_iter().collect();
    let mut rules = rules(&mapping.texts("tags").unwrap_or_default(), &mapping)?;
    rules.extend(mapping.texts("digests").unwrap_or_default().into_iter().map(Rule::digest));
    if rules.is_empty() {
        rules.push(Rule::all());
    }
    // It takes what there is, but for tags by their names.
    settings.at_least = rules.iter().any(|rule| !rule.is_name()).then_some(0);
    let place = mapping.path_of("from");
    let notes = mapping.left_out(ADVICE, IGNORED);
    let to = to.as_deref().map(|to| to.trim_start_matches('/'));
    if to.is_some_and(|to| to.starts_with(REGEX)) {
        return Ok(None);
    }
    if let Some(pattern) = from.strip_prefix(REGEX) {
        // `{path}` is the whole path: it says no other base.
        let below = patterns::below(pattern).filter(|_| source.path.is_empty());
        let below = below.map(|path| literal(&source.join(&path)));
        let Some(source) = below.and_then(|below| Repository::all_below(below.trim_end_matches('/'))) else {
            return Ok(None);
        };
        let to = to.map(|to| format!("{to}/")).unwrap_or_default();
        let targets = vec![literal(&target.join(&to)) + "{path}"];
        settings.at_least = Some(0);
        let rules = patterns::without_names(rules);
        return Ok(Some(Mirror { notes, source, targets, rules, settings, ..Mirror::default() }));
    }
    let from = from.trim_start_matches('/');
    let repository = Repository::parse(&literal(&source.join(from)));
    let source = repository.ok_or_else(|| format!("`{place}` is no repository"))?;
    let target = literal(&target.join(to.unwrap_or(from)));
    Ok(Some(Mirror { notes, source, targets: vec![target], rules, settings, ..Mirror::default() }))
}

impl Location {
    fn join(&self, path: &str) -> String {
        let base = if self.path.is_empty() { String::new() } else { format!("{}/", self.path) };
        format!("{}/{base}{path}", self.host)
    }
}

/// The items of `tags`: a tag has to be named, or to meet one of the others and every `keep:`.
fn rules(tags: &[String], mapping: &Fields) -> Result<Vec<Rule>, String> {
    let mut rules = Vec::new();
    let (mut kept, mut newest) = (Vec::new(), None);
    for tag in tags {
        let tag = tag.trim();
        if let Some(range) = tag.strip_prefix("semver:") {
            let range = semver::rules(range, semver::THREE_NUMBERS, Suffixes::Always);
            rules.extend(range.ok_or_else(|| {
                format!("cannot read `{}`: no requirement such as `>=1.2.0 <2.0.0`", mapping.path_of("tags"))
            })?);
        } else if let Some(pattern) = tag.strip_prefix(REGEX) {
            rules.push(match pattern.trim().strip_prefix('!') {
                Some(pattern) => Rule::of(Pattern {
                    regex: ".".to_owned(),
                    except: Some(literal(&whole(pattern))),
                    ..Pattern::default()
                }),
                None => Rule::matching(literal(&whole(pattern.trim()))),
            });
        } else if let Some(pattern) = tag.strip_prefix("keep:").map(str::trim) {
            match count(pattern) {
                Some(count) => newest = Some(count),
                None => kept.push(pattern),
            }
        } else {
            rules.push(named(tag));
        }
    }
    if rules.is_empty() && !tags.is_empty() {
        rules.push(Rule::all());
    }
    for pattern in kept {
        keep(&mut rules, pattern);
    }
    if let Some(newest) = newest {
        limit(&mut rules, newest);
    }
    Ok(rules)
}

/// A tag, a digest, or `TAG@DIGEST`.
fn named(text: &str) -> Rule {
    match text.split_once('@') {
        Some((tag, digest)) => {
            let choice = Choice::Named { tag: Some(literal(tag)), digest: Some(digest.to_owned()) };
            Rule { choice, ..Rule::default() }
        }
        None if text.starts_with("sha256:") => Rule::digest(text),
        None => Rule::tag(literal(text)),
    }
}

/// The number of `latest NUMBER`.
fn count(pattern: &str) -> Option<u64> {
    pattern.strip_prefix("latest")?.strip_prefix(char::is_whitespace)?.trim().parse().ok()
}

/// Leaves in the patterns what meets a further one.
fn keep(rules: &mut [Rule], pattern: &str) {
    let (pattern, is_inverted) = match pattern.strip_prefix('!') {
        Some(pattern) => (literal(&whole(pattern)), true),
        None => (literal(&whole(pattern)), false),
    };
    for rule in rules {
        let Choice::Matching(matching) = &mut rule.choice else { continue };
        if is_inverted {
            matching.except = Some(either(matching.except.take(), &pattern));
        } else if matching.regex == "." {
            matching.regex.clone_from(&pattern);
        } else {
            rule.notes.push(format!("left out: `keep: {pattern}`: narrow `match` so that it holds"));
        }
    }
}

/// Leaves in the patterns the newest so many versions, and all that is no version.
fn limit(rules: &mut Vec<Rule>, newest: u64) {
    let mut others = Vec::new();
    for rule in rules.iter_mut() {
        let Choice::Matching(pattern) = &mut rule.choice else { continue };
        // A range takes versions alone.
        if pattern.range.is_none() {
            let except = Some(either(pattern.except.clone(), VERSION));
            let other = Rule::of(Pattern { except, ..(**pattern).clone() });
            let remark = "dregsy keeps all that is no version".to_owned();
            others.push(Rule { remark, ..other });
        }
        if pattern.regex == "." {
            VERSION.clone_into(&mut pattern.regex);
        }
        pattern.newest = Some((newest, "of each variant: dregsy counts all versions together".to_owned()));
        pattern.prereleases = true;
    }
    rules.extend(others);
}

/// What one pattern or another matches.
fn either(one: Option<String>, other: &str) -> String {
    one.map_or_else(|| other.to_owned(), |one| format!("{one}|{other}"))
}

/// The anchors are put where there are none.
fn whole(pattern: &str) -> String {
    if pattern.contains('|') && pattern.starts_with('^') && pattern.ends_with('$') {
        return pattern.to_owned();
    }
    patterns::whole_tag(pattern)
}
