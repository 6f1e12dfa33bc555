//! Files of other tools, from jobs of the field: what the imported configuration would put where is what their tool does.
#![expect(clippy::print_stdout, reason = "the figures are what these tests are run for")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use tagferry::config::{Config, Discovery, Found};
use tagferry::import::{Draft, To, import, write};
use tagferry::oci::Digest;
use tagferry::select::{Wish, select};

use crate::jobs::{Import, Job, jobs};

/// What is in which repository under which name: a label, or a label by its digest alone.
type Held = BTreeSet<(String, String, String)>;

/// The digest of the image that a label stands for.
fn digest(label: &str) -> Digest {
    Digest::of(label.as_bytes())
}

/// Puts digests in the place of `digest-of:LABEL`.
fn with_digests(text: &str) -> String {
    let mut made = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("digest-of:") {
        let end = after.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(after.len());
        made.extend([before, &digest(&after[..end]).to_string()]);
        rest = &after[end..];
    }
    made + rest
}

/// The configuration that its files become.
fn imported(job: &Job, Import { kind, text, files, to }: &Import) -> String {
    let mut draft = Draft::default();
    for text in text.iter().chain(files.values()) {
        let (found, read) = import(&with_digests(text), None, &To(to.clone()))
            .unwrap_or_else(|error| panic!("{}: {error}", job.name));
        assert_eq!(found.to_string(), *kind, "{}", job.name);
        draft.extend(read);
    }
    let mut out = Vec::new();
    write(&mut out, draft).unwrap();
    String::from_utf8(out).unwrap()
}

/// The image that is wanted of a repository with these tags.
fn label(tags: &BTreeMap<String, String>, wish: &Wish) -> Option<String> {
    match wish {
        Wish::Tag(tag) => tags.get(tag.as_str()).cloned(),
        Wish::Pin(_, wanted) | Wish::Digest(wanted) => {
            tags.values().find(|label| digest(label) == *wanted).cloned()
        }
    }
}

/// What a configuration would put into targets that hold nothing.
fn planned(job: &Job, config: &Config) -> Held {
    let mut held = Held::new();
    for mirror in &config.mirrors {
        let tags = job
            .source
            .get(&mirror.source.to_string())
            .unwrap_or_else(|| panic!("{}: {}", job.name, mirror.source));
        let listed: Vec<_> = tags.keys().filter_map(|tag| tag.parse().ok()).collect();
        for pick in select(&listed, &mirror.rules).picks(&mirror.rules) {
            let label = label(tags, &pick.wish).unwrap_or_else(|| panic!("{}: {pick:?}", job.name));
            held.insert((mirror.target.to_string(), pick.name.unwrap().to_string(), label));
        }
    }
    held
}

/// What the job says that is to be there, platforms aside.
fn expected(target: &BTreeMap<String, BTreeMap<String, String>>) -> Held {
    let repositories = target.iter().flat_map(|(repository, tags)| {
        tags.iter().map(|(tag, label)| {
            let label = label.split('@').next().unwrap().to_owned();
            // `@LABEL` is there by its digest alone.
            let name = tag.strip_prefix('@').map_or_else(|| tag.clone(), |label| digest(label).to_string());
            (repository.clone(), name, label)
        })
    });
    repositories.collect()
}

/// What is wrong with the configuration that a job's files become, if anything is.
fn fault(job: &Job, files: &Import) -> Option<String> {
    let text = imported(job, files);
    let variable = |name: &str| Some(OsString::from(job.env.get(name).map_or("some-text", String::as_str)));
    let listed = |discovery: &Discovery| {
        let all = job.catalogue.get(discovery.host.as_str()).map(Vec::as_slice).unwrap_or_default();
        (discovery.source.clone(), all.iter().map(|path| path.parse().unwrap()).collect())
    };
    let config = Config::parse(&job.name, &text, &variable).and_then(|config| {
        let found: Found = config.discoveries.iter().map(listed).collect();
        Config::parse_found(&job.name, &text, &variable, &found)
    });
    let config = match config {
        Ok(config) => config,
        Err(faults) => return Some(format!("{faults}\n{text}")),
    };
    let (mut planned, mut expected) = (planned(job, &config), expected(&job.target));
    if files.to.is_none() && files.kind == "list" {
        // Nobody has said where to.
        assert!(text.contains("is an example: put your own there"), "{text}");
        for held in [&mut planned, &mut expected] {
            *held =
                held.iter().map(|(_, name, label)| (String::new(), name.clone(), label.clone())).collect();
        }
    }
    let stays = self::expected(&job.existing);
    let more: Held = planned.difference(&expected).cloned().collect();
    let less: Held = expected.difference(&planned).filter(|held| !stays.contains(held)).cloned().collect();
    (!more.is_empty() || !less.is_empty())
        .then(|| format!("too much: {more:?}\ntoo little: {less:?}\n{text}"))
}

/// Fails where jobs of a folder come out otherwise than their tools have it.
#[track_caller]
fn check(folder: &str) {
    let jobs = jobs(folder);
    let jobs: Vec<_> = jobs.iter().filter_map(|job| Some((job, job.import.as_ref()?))).collect();
    let faults = jobs.iter().filter_map(|(job, files)| Some(format!("{}: {}", job.name, fault(job, files)?)));
    let faults: Vec<_> = faults.collect();
    println!("jobs with files of other tools in `{folder}`: {}, otherwise: {}", jobs.len(), faults.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(jobs.len() > 10, "the jobs are not found");
}

#[test]
fn what_is_imported_does_what_the_tool_does() {
    check("");
}

/// Jobs that nothing was made to fit. Two came out otherwise at the first look, and are read since: dregsy's `keep: latest N`, and
/// ocync's `defaults.tags`, of which a mapping replaces each key by itself.
#[test]
fn so_it_does_in_jobs_that_were_set_aside() {
    check("aside");
}
