//! regsync of regclient: `creds`, `defaults` and `sync`.

use crate::import::draft;
use crate::import::draft::{Choice, Draft, Mirror, NAMES_FAIL, Password, Pattern, Rule, Settings};
use crate::import::fields::Fields;
use crate::import::image::{Image, Repository, is_ecr, literal};
use crate::import::patterns;
use crate::import::semver;
use crate::import::semver::Suffixes;
use crate::import::times;

/// What to do about keys without an equal.
const ADVICE: &[(&str, &str)] = &[
    (
        "backup",
        "the tag moves and the image before it stays in the repository by its digest; ECR's lifecycle policy says for how long",
    ),
    ("fastCopy", "what is there already is not looked at again in any case"),
    ("fastCheck", "what is there already is not looked at again in any case"),
    ("forceRecursive", "a copy looks at all that an image refers to in any case"),
    ("hooks", "let `notices` tell of new tags, and run it there"),
    ("includeExternal", "layers with addresses elsewhere are taken as the source has them"),
    ("mediaTypes", "every kind of manifest is taken"),
    ("parallel", "`concurrency` says how much is done at a time"),
    ("ratelimit", "Docker Hub's quota is heeded in any case"),
    ("referrerFilters", "`referrers` takes all kinds"),
    ("referrerSource", "referrers are read where the image is"),
    ("referrerTarget", "referrers go where the image goes"),
    ("skipDockerConfig", "logins of Docker's config.json are used where `registries` has none"),
    ("clientCert", "there are no client certificates"),
    ("clientKey", "there are no client certificates"),
    ("credHelper", "name the helper in Docker's config.json; ECR needs none, the login comes from AWS"),
    ("hostname", "write the real host as the source or target"),
    ("mirrors", "write them as further sources: `source: [FIRST, SECOND]`"),
    ("pathPrefix", "write it into the source"),
    ("regcert", "write it into a file, and that into `ca_file`"),
    ("tls", "TLS is always verified: name the authority by `ca_file`"),
];
/// Keys whose absence changes nothing.
const IGNORED: &[&str] = &[
    "version",
    "cacheCount",
    "cacheTime",
    "userAgent",
    "credExpire",
    "repoAuth",
    "blobChunk",
    "blobMax",
    "priority",
];

/// What `defaults` says of every entry.
#[derive(Clone, Default)]
struct Shared {
    schedule: Option<String>,
    referrers: Option<bool>,
    digest_tags: Option<bool>,
}

/// Reads a file.
pub(in crate::import) fn read(mut file: Fields) -> Result<Draft, String> {
    let mut draft = Draft::default();
    for creds in Fields::list("creds", file.take("creds"))? {
        registry(creds, &mut draft)?;
    }
    let mut defaults = file.map("defaults");
    let mut notes = Vec::new();
    let shared = Shared {
        schedule: schedule(&mut defaults, &mut notes),
        referrers: defaults.flag("referrers"),
        digest_tags: defaults.flag("digestTags"),
    };
    notes.extend(defaults.left_out(ADVICE, IGNORED));
    for entry in Fields::list("sync", file.take("sync"))? {
        draft.mirrors.extend(mirrors(entry, &shared, &mut notes)?);
    }
    notes.extend(file.left_out(ADVICE, IGNORED));
    for note in notes {
        draft.note(note);
    }
    Ok(draft)
}

fn registry(mut creds: Fields, draft: &mut Draft) -> Result<(), String> {
    let host = template(&creds.required("registry")?, "").ok_or_else(|| unreadable(&creds, "registry"))?;
    let (user, pass) = (creds.text("user"), creds.text("pass"));
    if host.contains("${") {
        draft.note(format!(
            "left out: {}: its host is a variable: write its settings under `registries`",
            creds.path()
        ));
        return Ok(());
    }
    let registry = draft.registry(&host);
    if creds.text("tls").as_deref() == Some("disabled") {
        registry.plain_http = true;
    }
    registry.concurrent = creds.number("reqConcurrent").filter(|count| *count > 0);
    registry.per_second =
        creds.text("reqPerSec").and_then(|rate| rate.parse::<f64>().ok()).and_then(per_second);
    if is_ecr(&host) {
        // Whatever was written there was a token of AWS, which the program gets by itself.
    } else if let Some(user) = user {
        let user =
            template(&user, "").unwrap_or_else(|| format!("${{{}}}", draft::variable(&host, "USERNAME")));
        registry.log_in(&host, user, pass.as_deref().and_then(password));
    }
    registry.notes.extend(creds.left_out(ADVICE, IGNORED));
    Ok(())
}

/// A whole number of requests a second, at least one.
fn per_second(rate: f64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is above 0, and casts saturate"
    )]
    (rate > 0.0).then(|| (rate as u64).max(1))
}

/// Where a password is, unless it is written there.
fn password(text: &str) -> Option<Password> {
    let inside = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let (function, argument) = inside.trim().split_once(char::is_whitespace)?;
    let argument = argument.trim().strip_prefix('"')?.strip_suffix('"')?;
    match function {
        "env" => Some(Password::Variable(argument.to_owned())),
        "file" => Some(Password::File(argument.to_owned())),
        _ => None,
    }
}

fn schedule(fields: &mut Fields, notes: &mut Vec<String>) -> Option<String> {
    let (schedule, interval) = (fields.text("schedule"), fields.text("interval"));
    if schedule.is_some() {
        return schedule;
    }
    let interval = interval?;
    let Some(cron) = times::seconds(&interval).map(times::every) else {
        notes.push(format!(
            "left out: {}: not a span of time: write a `schedule`",
            fields.path_of("interval")
        ));
        return None;
    };
    if !cron.is_exact {
        notes.push(format!(
            "{}: `{interval}` is no part of a day, so this runs more often",
            fields.path_of("interval")
        ));
    }
    Some(cron.expression)
}

fn mirrors(mut entry: Fields, shared: &Shared, notes: &mut Vec<String>) -> Result<Vec<Mirror>, String> {
    let kind = entry.required("type")?;
    let mut place = |key| {
        let text = entry.required(key)?;
        template(&text, "")
            .map(|text| text.replacen("ocidir://", "oci:", 1))
            .ok_or_else(|| unreadable(&entry, key))
    };
    let (source, target) = (place("source")?, place("target")?);
    let own = schedule(&mut entry, notes);
    let referrers = entry.flag("referrers").or(shared.referrers).unwrap_or(false);
    let digest_tags = entry.flag("digestTags").or(shared.digest_tags).unwrap_or(false);
    let settings = Settings {
        platforms: entry
            .text("platform")
            .map(|one| vec![one])
            .or_else(|| entry.texts("platforms"))
            .unwrap_or_default(),
        referrers: referrers || digest_tags,
        schedule: own.or_else(|| shared.schedule.clone()),
        at_least: None,
    };
    let mut mirrors = match kind.as_str() {
        "image" => vec![image(&entry, &source, &target)?],
        "repository" => vec![repository(&mut entry, &source, &target)?],
        "registry" => registries(&mut entry, &source, &target, notes)?,
        _ => return Err(format!("`{}` has to be image, repository or registry", entry.path_of("type"))),
    };
    if let Some(first) = mirrors.first_mut() {
        first.notes.extend(entry.left_out(ADVICE, IGNORED));
    }
    let names = |mirror: &Mirror| mirror.rules.iter().filter(|rule| rule.is_name()).count();
    if kind != "image" && mirrors.iter().any(|mirror| names(mirror) > 0) {
        notes.push(NAMES_FAIL.to_owned());
    }
    for mirror in &mut mirrors {
        // A list of which nothing is allowed is no failure there.
        let at_least = (names(mirror) < mirror.rules.len()).then_some(0);
        mirror.settings = Settings { at_least, ..settings.clone() };
    }
    Ok(mirrors)
}

fn image(entry: &Fields, source: &str, target: &str) -> Result<Mirror, String> {
    let source = Image::parse(source).ok_or_else(|| unreadable(entry, "source"))?;
    let target = Image::parse(target).ok_or_else(|| unreadable(entry, "target"))?;
    let tag = source.tag.clone().or_else(|| source.digest.is_none().then(|| "latest".to_owned()));
    let name = target.tag_or_latest().to_owned();
    let names = if tag.as_ref() == Some(&name) { Vec::new() } else { vec![name] };
    let rule = Rule { choice: Choice::Named { tag, digest: source.digest }, names, ..Rule::default() };
    let targets = vec![target.repository.to_string()];
    Ok(Mirror { source: source.repository, targets, rules: vec![rule], ..Mirror::default() })
}

fn repository(entry: &mut Fields, source: &str, target: &str) -> Result<Mirror, String> {
    let source = Repository::parse(source).ok_or_else(|| unreadable(entry, "source"))?;
    let target = Repository::parse(target).ok_or_else(|| unreadable(entry, "target"))?;
    Ok(Mirror { source, targets: vec![target.to_string()], rules: rules(entry)?, ..Mirror::default() })
}

/// Of a whole registry, the repositories that are named, and all under a path.
fn registries(
    entry: &mut Fields,
    source: &str,
    target: &str,
    notes: &mut Vec<String>,
) -> Result<Vec<Mirror>, String> {
    let rules = rules(entry)?;
    let place = entry.path_of("repos.allow");
    let mut repos = entry.map("repos");
    let allowed = repos.texts("allow").unwrap_or_else(|| vec![".*".to_owned()]);
    let denied: Vec<_> =
        repos.texts("deny").unwrap_or_default().iter().map(|deny| patterns::whole(deny)).collect();
    let except = patterns::any_of(&denied);
    let mut mirrors = Vec::new();
    for allow in &allowed {
        let named = patterns::path(allow);
        if named.as_ref().is_some_and(|path| patterns::is_excepted(path, except.as_deref())) {
            continue;
        }
        let under = patterns::below(allow).filter(|_| !source.contains('/'));
        let under = under.map(|path| format!("{source}/{path}"));
        let under = under.and_then(|under| Repository::all_below(under.trim_end_matches('/')));
        if let Some(source) = under {
            mirrors.push(Mirror {
                source,
                except: except.clone(),
                targets: vec![format!("{target}/{{path}}")],
                rules: patterns::without_names(rules.clone()),
                ..Mirror::default()
            });
        } else if let Some(source) = named.and_then(|path| Repository::parse(&format!("{source}/{path}"))) {
            mirrors.push(Mirror {
                targets: vec![format!("{target}/{}", source.path)],
                source,
                rules: rules.clone(),
                ..Mirror::default()
            });
        } else {
            notes.push(format!("left out: {place}: `{allow}`: write a mirror for each repository"));
        }
    }
    Ok(mirrors)
}

/// `tags` and `tagSets`, of which a tag has to meet one.
fn rules(entry: &mut Fields) -> Result<Vec<Rule>, String> {
    let mut sets = Vec::new();
    if entry.has("tags") {
        sets.push(entry.map("tags"));
    }
    sets.extend(Fields::list(&entry.path_of("tagSets"), entry.take("tagSets"))?);
    let target_tag = match entry.text("targetTag") {
        Some(text) => Some(template(&text, "{tag}").ok_or_else(|| unreadable(entry, "targetTag"))?),
        None => None,
    };
    let mut rules = Vec::new();
    for set in &mut sets {
        rules.extend(set_of_rules(set)?);
    }
    if sets.is_empty() {
        rules.push(Rule::all());
    }
    for rule in &mut rules {
        rule.names = target_tag.iter().cloned().collect();
    }
    Ok(rules)
}

fn set_of_rules(set: &mut Fields) -> Result<Vec<Rule>, String> {
    let allowed = set.texts("allow").unwrap_or_default();
    let denied: Vec<String> =
        set.texts("deny").unwrap_or_default().iter().map(|deny| patterns::whole(deny)).collect();
    let except = patterns::any_of(&denied);
    let mut rules: Vec<Rule> = match set.texts("semverRange") {
        None if allowed.is_empty() => vec![Rule::all()],
        None => allowed.iter().map(|allow| patterns::rule(allow)).collect(),
        Some(ranges) => {
            let path = set.path_of("semverRange");
            let read = |range: &String| {
                semver::rules(range, semver::NUMBERS, Suffixes::Always)
                    .ok_or_else(|| format!("cannot read `{path}`: no requirement such as `>=1.2 <2.0`"))
            };
            let ranges: Vec<Rule> = ranges.iter().map(read).collect::<Result<Vec<_>, _>>()?.concat();
            ranges.iter().flat_map(|range| within(range, &allowed)).collect()
        }
    };
    rules.retain_mut(|rule| match &mut rule.choice {
        Choice::Named { tag, .. } => {
            !patterns::is_excepted(tag.as_deref().unwrap_or_default(), except.as_deref())
        }
        Choice::Matching(pattern) => {
            pattern.except =
                pattern.except.iter().chain(&except).cloned().reduce(|one, other| format!("{one}|{other}"));
            true
        }
    });
    Ok(rules)
}

/// A range, for what is allowed of it.
fn within(range: &Rule, allowed: &[String]) -> Vec<Rule> {
    let Choice::Matching(pattern) = &range.choice else { return vec![range.clone()] };
    if allowed.is_empty() {
        return vec![range.clone()];
    }
    let rules = allowed.iter().map(|allow| {
        let pattern = Pattern { regex: patterns::whole_tag(allow), ..(**pattern).clone() };
        Rule { choice: Choice::Matching(Box::new(pattern)), ..range.clone() }
    });
    rules.collect()
}

/// The text of a Go template in which nothing is computed: environment variables, and the tag of the source, where there is a
/// word for it. None for any other.
fn template(text: &str, source_tag: &str) -> Option<String> {
    let mut made = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (inside, after) = after.split_once("}}")?;
        made.push_str(&literal(before));
        match inside.trim().trim_matches('-').trim() {
            ".Source.Tag" if !source_tag.is_empty() => made.push_str(source_tag),
            inside => {
                let Some(Password::Variable(name)) = password(&format!("{{{{{inside}}}}}")) else {
                    return None;
                };
                made.extend(["${", &name, "}"]);
            }
        }
        rest = after;
    }
    Some(made + &literal(rest))
}

fn unreadable(entry: &Fields, key: &str) -> String {
    format!("cannot read `{}`: no reference, or a template of more than `env`", entry.path_of(key))
}
