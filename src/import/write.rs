//! A draft as YAML for people: the values as `serde_yaml` quotes them, the rest in lines that are easy to read.

use std::io;
use std::io::Write;

use crate::import::draft::{Choice, Draft, Login, Mirror, Password, Registry, Rule, Settings};
use crate::import::settle::{Defaults, Settled, settle};

/// Names of tags stand in one line as long as it is not longer.
const LINE_MAX_CHARS: usize = 100;

/// Writes a draft as a configuration.
pub fn write(out: &mut dyn Write, draft: Draft) -> io::Result<()> {
    let Draft { notes, mirrors, registries } = draft;
    for note in &notes {
        comment(out, "", note)?;
    }
    let (defaults, mirrors) = settle(mirrors);
    write_defaults(out, &defaults)?;
    writeln!(out, "mirrors:")?;
    for mirror in &mirrors {
        write_mirror(out, mirror, defaults.target.is_some())?;
    }
    if registries.values().any(|registry| *registry != Registry::default()) {
        writeln!(out, "registries:")?;
    }
    for (host, registry) in &registries {
        write_registry(out, host, registry)?;
    }
    Ok(())
}

fn write_defaults(out: &mut dyn Write, Defaults { target, settings }: &Defaults) -> io::Result<()> {
    let Settings { platforms, referrers, at_least, schedule } = settings;
    if let Some(cron) = schedule {
        writeln!(out, "schedule:\n  cron: {}", value(cron)?)?;
    }
    let settings = Settings { schedule: None, ..settings.clone() };
    if target.is_none() && platforms.is_empty() && !referrers && at_least.is_none() {
        return Ok(());
    }
    writeln!(out, "defaults:")?;
    if let Some(target) = target {
        writeln!(out, "  target: {}", value(target)?)?;
    }
    write_settings(out, "  ", &settings)
}

fn write_settings(out: &mut dyn Write, indent: &str, settings: &Settings) -> io::Result<()> {
    let Settings { platforms, referrers, at_least, schedule } = settings;
    if !platforms.is_empty() {
        writeln!(out, "{indent}platforms: [{}]", list(platforms)?)?;
    }
    if *referrers {
        writeln!(out, "{indent}referrers: true")?;
    }
    match at_least {
        Some(0) => writeln!(out, "{indent}at_least: 0   # no tag is no failure")?,
        Some(count) => writeln!(out, "{indent}at_least: {count}")?,
        None => {}
    }
    if let Some(cron) = schedule {
        writeln!(out, "{indent}schedule:\n{indent}  cron: {}", value(cron)?)?;
    }
    Ok(())
}

fn write_mirror(out: &mut dyn Write, Settled { name, mirror }: &Settled, has_target: bool) -> io::Result<()> {
    let Mirror { notes, source, except, targets, rules, remarks, settings } = mirror;
    for note in notes {
        comment(out, "  ", note)?;
    }
    let is_short = name.is_none() && has_target && targets.is_empty() && *settings == Settings::default();
    if let (true, Some(image)) = (is_short && remarks.is_empty(), as_image(mirror)) {
        return writeln!(out, "  - {}", value(&image)?);
    }
    let remark = if source.is_all() {
        "   # `serve` reads this list at its start and at each reload alone"
    } else {
        ""
    };
    writeln!(out, "  - source: {}{remark}", value(&source.to_string())?)?;
    if let Some(except) = except {
        writeln!(out, "    except: {}", value(except)?)?;
    }
    if let Some(name) = name {
        writeln!(out, "    name: {}", value(name)?)?;
    }
    match &targets[..] {
        [] => {}
        [target] => writeln!(out, "    target: {}", value(target)?)?,
        targets => {
            writeln!(out, "    target:")?;
            for target in targets {
                writeln!(out, "      - {}", value(target)?)?;
            }
        }
    }
    write_settings(out, "    ", settings)?;
    write_rules(out, rules)?;
    remarks.iter().try_for_each(|remark| comment(out, "      ", remark))
}

/// A mirror of one tag as a reference.
fn as_image(Mirror { source, rules, .. }: &Mirror) -> Option<String> {
    let [rule] = &rules[..] else { return None };
    match &rule.choice {
        Choice::Named { tag, digest } if rule.is_bare() => {
            let tag = tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
            let digest = digest.as_ref().map(|digest| format!("@{digest}")).unwrap_or_default();
            Some(format!("{source}{tag}{digest}"))
        }
        _ => None,
    }
}

fn write_rules(out: &mut dyn Write, rules: &[Rule]) -> io::Result<()> {
    let names: Option<Vec<String>> = rules.iter().map(|rule| rule.plain_tag().map(str::to_owned)).collect();
    if let Some(names) = names {
        let line = list(&names)?;
        if line.chars().count() <= LINE_MAX_CHARS {
            return writeln!(out, "    tags: [{line}]");
        }
    }
    writeln!(out, "    tags:")?;
    rules.iter().try_for_each(|rule| write_rule(out, rule))
}

fn write_rule(out: &mut dyn Write, rule: &Rule) -> io::Result<()> {
    for note in &rule.notes {
        comment(out, "      ", note)?;
    }
    let mut lines = Vec::new();
    match &rule.choice {
        Choice::Named { tag: Some(tag), digest: None } if rule.names.is_empty() => lines.push(value(tag)?),
        Choice::Named { tag, digest } => {
            for (key, text) in [("tag", tag), ("digest", digest)] {
                if let Some(text) = text {
                    lines.push(format!("{key}: {}", value(text)?));
                }
            }
        }
        Choice::Matching(pattern) => {
            lines.push(format!("match: {}", value(&pattern.regex)?));
            for (key, text) in [("except", &pattern.except), ("range", &pattern.range)] {
                if let Some(text) = text {
                    lines.push(format!("{key}: {}", value(text)?));
                }
            }
            if pattern.prereleases {
                lines.push("prereleases: true".to_owned());
            }
            if let Some((count, remark)) = &pattern.newest {
                lines.push(with_remark(format!("newest: {count}"), remark));
            }
            if pattern.last_revision {
                lines.push("revisions: 1   # of each version the last build".to_owned());
            }
        }
    }
    match &rule.names[..] {
        [] => {}
        [name] => lines.push(format!("as: {}", value(name)?)),
        names => lines.push(format!("as: [{}]", list(names)?)),
    }
    let prefix = if rule.is_comment { "# " } else { "" };
    for (index, line) in lines.into_iter().enumerate() {
        let (mark, remark) = if index == 0 { ("- ", rule.remark.as_str()) } else { ("  ", "") };
        writeln!(out, "      {prefix}{mark}{}", with_remark(line, remark))?;
    }
    Ok(())
}

fn write_registry(out: &mut dyn Write, host: &str, registry: &Registry) -> io::Result<()> {
    let Registry { notes, login, concurrent, per_second, plain_http, creates_repositories } = registry;
    let mut lines = Vec::new();
    if let Some(Login { username, password }) = login {
        lines.push("credentials:".to_owned());
        lines.push(format!("  username: {}", value(username)?));
        lines.push(match password {
            Password::Variable(name) => format!("  password: {}", value(&format!("${{{name}}}"))?),
            Password::File(path) => format!("  password_file: {}", value(path)?),
        });
    }
    if concurrent.is_some() || per_second.is_some() {
        lines.push("limits:".to_owned());
    }
    lines.extend(concurrent.map(|count| format!("  concurrent: {count}")));
    lines.extend(per_second.map(|count| format!("  per_second: {count}")));
    lines.extend(plain_http.then(|| "plain_http: true".to_owned()));
    if *creates_repositories {
        lines.extend(["ecr:".to_owned(), "  create_repositories: true".to_owned()]);
    }
    for note in notes {
        comment(out, "  ", &format!("{host}: {note}"))?;
    }
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "  {}:", value(host)?)?;
    lines.iter().try_for_each(|line| writeln!(out, "    {line}"))
}

fn with_remark(line: String, remark: &str) -> String {
    if remark.is_empty() { line } else { format!("{line}   # {}", shown(remark)) }
}

fn comment(out: &mut dyn Write, indent: &str, text: &str) -> io::Result<()> {
    writeln!(out, "{indent}# {}", shown(text))
}

/// A text that ends no line.
fn shown(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// A text as a value in one line.
fn value(text: &str) -> io::Result<String> {
    let yaml = serde_yaml::to_string(text).map_err(io::Error::other)?;
    let yaml = yaml.trim_end();
    if yaml.contains('\n') { Ok(serde_json::to_string(text)?) } else { Ok(yaml.to_owned()) }
}

/// Texts as values between `[` and `]`.
fn list(texts: &[String]) -> io::Result<String> {
    let item = |text: &String| {
        if text.contains([',', '[', ']', '{', '}']) { Ok(serde_json::to_string(text)?) } else { value(text) }
    };
    Ok(texts.iter().map(item).collect::<io::Result<Vec<_>>>()?.join(", "))
}
