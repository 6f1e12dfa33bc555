//! The list of mirrors: images as texts, what all have in common, and what holds between them.

use std::collections::HashMap;

use crate::config::discovered::{Found, discovered};
use crate::config::discovery::Discovery;
use crate::config::mirror::{Endpoint, Mirror, Mirrors, repository};
use crate::config::raw;
use crate::config::written::{Common, Form, Written};
use crate::yaml::{Document, Path};

/// What was read.
#[derive(Default)]
pub(super) struct Read {
    pub(super) mirrors: Vec<Mirror>,
    /// What is to be discovered, or was.
    pub(super) discoveries: Vec<Discovery>,
    /// Whether each that is written is in one of these.
    pub(super) is_whole: bool,
    /// The names so far, with their places.
    names: HashMap<String, Path>,
}

/// Reads all mirrors; none where their list itself is faulty. Those with faults are left out. Each of the repositories that were
/// `found` is a mirror; those of `/*` come after all others, as what is written by hand has its name first.
pub(super) fn mirrors(
    raw: Option<Vec<raw::TextOr<raw::Mirror>>>,
    common: &Common<'_>,
    found: Option<&Found>,
    path: &Path,
    document: &mut Document,
) -> Read {
    let mut read = Read { is_whole: true, ..Read::default() };
    let hint = "write under `mirrors:` at least one item with `source`, `target` and `tags`";
    let Some(raw) = document.required(raw, path, hint) else { return read };
    if raw.is_empty() {
        document.report(path, format!("empty: {hint}"));
    }
    let (discoveries, written): (Vec<_>, Vec<_>) =
        gather(raw, path, document).into_iter().partition(Written::is_discovery);
    read.mirrors.reserve(written.len());
    for written in written {
        let (path, form) = (written.path.clone(), written.form);
        let name_path = path.key(if written.mirror.name.is_some() { "name" } else { "source" });
        let is_known = form == Form::Mapping || written.tags.is_some();
        match is_known.then(|| Mirrors::new(written, common, document)).flatten() {
            Some(mirrors) => read.add(mirrors, form, &path, &name_path, document),
            None => read.is_whole = false,
        }
    }
    for written in discoveries {
        match Discovery::read(written, common, document) {
            Some(discovery) => read.discoveries.push(discovery),
            None => read.is_whole = false,
        }
    }
    let (good, failed) = match found {
        Some(found) => discovered(&read.discoveries, found, &read.mirrors, document),
        None => Default::default(),
    };
    read.mirrors
        .extend(good.into_iter().flat_map(|mirrors| std::iter::once(mirrors.first).chain(mirrors.others)));
    read.mirrors.extend(failed);
    group(&mut read.mirrors);
    read
}

impl Read {
    /// Adds a mirror under a name of its own.
    fn add(&mut self, mirrors: Mirrors, form: Form, path: &Path, name_path: &Path, document: &mut Document) {
        let Mirrors { mut name, first, others } = mirrors;
        if form != Form::Mapping && self.names.contains_key(&name) {
            // There is no place for a name. The same path on two hosts is common.
            name = first.source.to_string();
        }
        if let Some(other) = self.names.get(&name) {
            let other = document.shown(other);
            document.report(
                name_path,
                format!("`{name}` is the name of {other} too: give this one another `name`"),
            );
            self.is_whole = false;
            return;
        }
        self.names.insert(name.clone(), path.clone());
        let all = std::iter::once(first).chain(others);
        self.mirrors.extend(all.map(|mirror| Mirror { name: name.clone(), ..mirror }));
    }
}

/// Puts mirrors that share a target into one shard: that of the first one's name.
fn group(mirrors: &mut [Mirror]) {
    // The first mirror of each name and into each target stands for all that hang together with it.
    let mut leaders: Vec<usize> = (0..mirrors.len()).collect();
    let mut names: HashMap<&str, usize> = HashMap::with_capacity(mirrors.len());
    let mut targets: HashMap<Endpoint, usize> = HashMap::with_capacity(mirrors.len());
    for (index, mirror) in mirrors.iter().enumerate() {
        let fellows = [
            *names.entry(&mirror.name).or_insert(index),
            *targets.entry(mirror.target.place()).or_insert(index),
        ];
        for fellow in fellows {
            let (one, other) = (leader(&leaders, index), leader(&leaders, fellow));
            leaders[one.max(other)] = one.min(other);
        }
    }
    let shards: Vec<String> =
        (0..mirrors.len()).map(|index| mirrors[leader(&leaders, index)].name.clone()).collect();
    for (mirror, shard) in mirrors.iter_mut().zip(shards) {
        mirror.shard = shard;
    }
}

fn leader(leaders: &[usize], mut index: usize) -> usize {
    while leaders[index] != index {
        index = leaders[index];
    }
    index
}

/// Puts the texts that name images of one repository together, in the place of the first.
fn gather(raw: Vec<raw::TextOr<raw::Mirror>>, path: &Path, document: &mut Document) -> Vec<Written> {
    let mut all: Vec<Written> = Vec::with_capacity(raw.len());
    let mut images: HashMap<Endpoint, usize> = HashMap::new();
    for (index, raw::TextOr(mut mirror)) in raw.into_iter().enumerate() {
        let path = path.index(index);
        let Some(text) = mirror.image.take() else {
            let items = mirror.tags.take();
            let tags_path = path.key("tags");
            let place = |(index, raw::TextOr(rule))| (tags_path.index(index), rule);
            let tags = items.map(|items| items.into_iter().enumerate().map(place).collect());
            all.push(Written { mirror, path, tags, form: Form::Mapping });
            continue;
        };
        let Some((source, rule)) = image(&text, &path, document) else {
            // It is told what is wrong with it; that it is missing has to be known.
            all.push(Written { mirror, path, tags: None, form: Form::Images });
            continue;
        };
        if let Some(&place) = images.get(&source) {
            all[place].tags.get_or_insert_default().push((path, rule));
        } else {
            mirror.source = Some(raw::OneOrMore::One(source.to_string()));
            images.insert(source, all.len());
            let tags = Some(vec![(path.clone(), rule)]);
            all.push(Written { mirror, tags, path, form: Form::Images });
        }
    }
    all
}

/// Reads `HOST/PATH:TAG`, `HOST/PATH@DIGEST` or both.
fn image(text: &str, path: &Path, document: &mut Document) -> Option<(Endpoint, raw::Rule)> {
    if Endpoint::layout(text).is_some() {
        document.report(
            path,
            "an image of a directory has no short form: write a mapping with `source` and `tags`",
        );
        return None;
    }
    let (rest, digest) = match text.split_once('@') {
        // Before the first slash it is a user.
        Some((rest, digest)) if rest.contains('/') || digest.contains(':') && !digest.contains('/') => {
            (rest, Some(digest))
        }
        _ => (text, None),
    };
    let start = rest.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match rest[start..].split_once(':') {
        Some((_, tag)) => (&rest[..rest.len() - tag.len() - 1], Some(tag)),
        None => (rest, None),
    };
    let source = repository(name, path, document)?;
    if tag.is_none() && digest.is_none() {
        document.report(
            path,
            format!("names no tag: write `{text}:TAG`, or a mapping with `source` and `tags` for several"),
        );
        return None;
    }
    let rule =
        raw::Rule { tag: tag.map(str::to_owned), digest: digest.map(str::to_owned), ..raw::Rule::default() };
    Some((source, rule))
}
